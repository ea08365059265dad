// The wheel of keys to filter by.

const RINGS = { minor: [32, 68], major: [68, 100] }; // radii

function drawWheel() {
  const counts = new Map();
  for (const { key } of tracks) counts.set(key, (counts.get(key) ?? 0) + 1);
  keys.forEach((key, index) => {
    const count = counts.get(index) ?? 0, [inner, outer] = RINGS[key.mode];
    const [x, y] = onWheel(key.place, (inner + outer) / 2);
    const group = svg("g", {
      class: count ? "cell" : "cell empty", role: "button", tabindex: index ? -1 : 0,
      "aria-pressed": false, "aria-label": `${key.code}, ${key.name}: ${counted(count, "track")}`,
    }, svg("path", { d: sector(key.place, inner, outer, 0) }),
    svg("path", { class: "inside", d: sector(key.place, inner + 1.2, outer - 1.2, 1.2) }),
    svg("text", { class: "code", x, y: y + 0.5 }, key.code),
    svg("text", { class: "number", x, y: y + 8 }, number(count)),
    svg("title", {}, `${key.name}: ${counted(count, "track")}`));
    group.dataset.key = index;
    find("wheel").append(coloured(group, index));
  });
  find("wheel").append(
    svg("text", { id: "total", y: 2 }), svg("text", { class: "number", y: 11 }, "shown"),
  );
}

/** A point of the wheel, ``across`` units from the middle line of its hour. */
function onWheel(place, radius, across = 0) {
  const angle = place * Math.PI / 6;
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const along = Math.sqrt(radius * radius - across * across);
  return [along * sine + across * cosine, across * sine - along * cosine];
}

/** The path of a cell, ``margin`` units smaller on either side. */
function sector(place, inner, outer, margin) {
  const corner = (radius, side) =>
    onWheel(place, radius, side * radius * Math.sin(Math.PI / 12 - margin / radius)).join(" ");
  return `M${corner(inner, -1)} A${inner} ${inner} 0 0 1 ${corner(inner, 1)} `
    + `L${corner(outer, 1)} A${outer} ${outer} 0 0 0 ${corner(outer, -1)} Z`;
}

function cellOf(key) {
  return document.querySelector(`[data-key="${key}"]`);
}

function markWheel() {
  const base = (state.base ?? state.chosen)?.key;
  find("wheel").classList.toggle("filtered", state.keys.size > 0);
  find("total").textContent = number(state.shown.length);
  keys.forEach((_, key) => {
    cellOf(key).setAttribute("aria-pressed", state.keys.has(key));
    cellOf(key).classList.toggle("mixes", base !== undefined && key in keys[base].mixes);
  });
}

function toggleKey(key) {
  if (!state.keys.delete(key)) state.keys.add(key);
  update();
}

/** The key where an arrow leads from ``key``. */
function neighbour(key, arrow) {
  const steps = { ArrowRight: 1, ArrowLeft: 11, ArrowUp: 0, ArrowDown: 0 };
  if (!(arrow in steps)) return undefined;
  const { place, mode } = keys[key], step = steps[arrow];
  const other = { ArrowUp: "major", ArrowDown: "minor" }[arrow] ?? mode;
  return keys.findIndex((k) => k.place === (place + step - 1) % 12 + 1 && k.mode === other);
}

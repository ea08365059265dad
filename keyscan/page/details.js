// The details of the chosen track.

const hint = find("details").firstElementChild;

function showDetails() {
  const track = state.chosen, details = find("details");
  const title = html("h2", {}, html("bdi", {}, track.name));
  const close = html("button", { type: "button", class: "close", "aria-label": "Close" }, "✕");
  const warnings = (track.warnings ?? []).map((text) => html("p", { class: "warning" }, `! ${text}`));
  const folder = track.folder ? [html("p", { class: "small" }, html("bdi", {}, track.folder))] : [];
  const result = track.error ? [`Failed: ${track.error}`] : summary(track);
  const rest = track.error ? [] : [...timeline(track), ...mixing(track), ...otherKeys(track)];
  close.addEventListener("click", closeDetails);
  details.replaceChildren(close, title, ...folder, html("p", {}, ...result), ...warnings, ...rest);
  details.scrollTop = 0;
}

/** Choose no track; the arrow keys move in the table again. */
function closeDetails() {
  state.chosen = null;
  find("details").replaceChildren(hint);
  find("tracks").focus({ preventScroll: true });
  markWheel();
  markChosen();
  render(true);
}

function summary(track) {
  const unit = Math.abs(track.cents) === 1 ? "cent" : "cents";
  const tuning = track.cents === undefined ? "tuning unknown" : `tuning ${signed(track.cents)} ${unit}`;
  const rest = `${tuning} · ${clock(track.duration)}`;
  if (!hasKey(track)) return [`${track.keyless} · ${rest}`];
  const { name } = keys[track.key], doubt = isDoubtful(track) ? ", doubtful" : "";
  const changes = track.changesKey ? " · changes key" : "";
  const text = ` ${name} · ${percent(track.confidence)}${doubt}${changes} · ${rest}`;
  return [chip(track.key, track.confidence), text];
}

function listed(items) {
  return items.map((cells) => html("li", {}, ...cells.map((content) =>
    typeof content === "string" ? html("span", {}, content) : content)));
}

function timeline(track) {
  if (!track.parts) return [];
  const parts = track.parts.map(([start, end, key, confidence]) => [
    key === null ? "–" : chip(key, confidence),
    key === null ? keyless(confidence) : `${keys[key].name}, ${percent(confidence)}`,
    `${clock(start)}–${clock(end)}`,
  ]);
  const ends = html("div", { class: "ends" }, html("span", {}, "0:00"),
    html("span", {}, clock(track.duration)));
  const list = track.parts.length > 1 ? [html("ol", {}, ...listed(parts))] : [];
  const width = find("details").clientWidth;
  return [html("h3", {}, "Key over time: the fainter, the less sure"),
    strip(track, width), ends, ...list];
}

function otherKeys(track) {
  if (!track.others) return [];
  const others = track.others.map(([key, share]) => [chip(key), keys[key].name, percent(share)]);
  return [html("h3", {}, "Other keys it may be in"), html("ul", {}, ...listed(others))];
}

function mixing(track) {
  if (!hasKey(track)) return [];
  const mixes = Object.entries(keys[track.key].mixes)
    .sort(([, a], [, b]) => HARMONY_ORDER.indexOf(a) - HARMONY_ORDER.indexOf(b));
  const count = (key) => tracks.filter((other) => other.key === key && other !== track).length;
  const items = mixes.map(([key, kind]) => [
    chip(Number(key)), HARMONIES[kind], counted(count(Number(key)), "track"),
  ]);
  const button = html("button", { type: "button", "aria-pressed": state.base === track },
    "Show only tracks that mix with it");
  button.addEventListener("click", () => setBase(state.base === track ? null : track));
  return [html("h3", {}, "Mixes with"), button, html("ul", {}, ...listed(items))];
}

function setBase(track) {
  state.base = track;
  if (track) Object.assign(state, { by: "mix", down: false });
  else if (state.by === "mix") state.by = null;
  update();
  if (state.chosen) showDetails();
}

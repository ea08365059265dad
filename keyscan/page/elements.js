// Texts and elements. Names of files become text only, never markup.

const LABEL_PIXELS = 38; // of a part with its key in it

function find(id) {
  return document.getElementById(id);
}

function number(value) {
  return value.toLocaleString("en");
}

function counted(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

function percent(share) {
  if (share > 0 && share < 0.01) return "<1%";
  return share > 0.99 && share < 1 ? ">99%" : `${(100 * share).toFixed(0)}%`;
}

function clock(seconds) {
  const whole = Math.round(seconds), two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function signed(cents) {
  return `${cents < 0 ? "−" : cents > 0 ? "+" : ""}${Math.abs(cents)}`;
}

/** What a part without a key is called. */
function keyless(confidence) {
  return confidence > 0 ? "unsure" : "not tonal";
}

/** The name of a key with a mark behind its code where it is doubtful. */
function code(key, confidence) {
  return keys[key].code + (confidence < doubtful ? "?" : "");
}

/** An HTML element; children are elements or texts, never markup. */
function html(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function coloured(element, key) {
  element.classList.add(keys[key].mode);
  element.style.setProperty("--hue", 215 - 30 * keys[key].number); // as in the pictures
  return element;
}

function chip(key, confidence = 1) {
  const kind = confidence < doubtful ? "chip doubtful" : "chip";
  return coloured(html("span", { class: kind, title: keys[key].name }, code(key, confidence)), key);
}

/** A band with a part for each key; with ``width`` in pixels, wide parts are labelled. */
function strip(track, width = 0) {
  const texts = track.parts.map(([start, end, key, confidence]) => {
    const named = key === null ? keyless(confidence) : `${code(key, confidence)} ${percent(confidence)}`;
    return `${clock(start)}–${clock(end)} ${named}`;
  });
  const whole = track.parts.at(-1)[1] || 1;
  const parts = track.parts.map(([start, end, key, confidence], index) => {
    const share = (end - start) / whole, part = html("span", { title: texts[index] });
    part.style.width = `${100 * share}%`;
    if (key === null) return part;
    part.style.setProperty("--share", `${30 + 70 * confidence}%`);
    if (share * width > LABEL_PIXELS) part.append(code(key, confidence));
    return coloured(part, key);
  });
  return html("div", { class: "strip", role: "img", "aria-label": texts.join(", ") }, ...parts);
}

// The table, which holds only the rows in view.

const ROW = Math.round(2.5 * parseFloat(getComputedStyle(document.documentElement).fontSize));
const MORE_ROWS = 8; // above and below those in view

function row(track, place) {
  const chosen = track === state.chosen;
  const cells = track.error ? failedCells(track) : analysedCells(track);
  const made = html("tr", { id: `row-${place}`, "aria-rowindex": place + 2, "aria-selected": chosen });
  made.dataset.place = place;
  made.append(html("td", { class: "track", title: path(track) }, ...nameOf(track)), ...cells);
  return made;
}

function nameOf(track) {
  const name = html("bdi", {}, track.name);
  return track.folder ? [name, html("bdi", { class: "folder" }, track.folder)] : [name];
}

function cell(column, ...children) {
  return html("td", { class: column }, ...children);
}

function failedCells(track) {
  const columns = [...document.querySelectorAll("th")].filter((head) => head.offsetWidth > 0);
  const colspan = columns.length - 1; // narrow screens have fewer
  return [html("td", { class: "failed", colspan, title: track.error }, track.error)];
}

function analysedCells(track) {
  const marks = `${track.warnings ? "!" : ""}${track.changesKey ? "~" : ""}`;
  const meaning = [track.warnings && "has warnings", track.changesKey && "changes key"];
  const label = meaning.filter(Boolean).join(", ");
  const key = hasKey(track) ? [chip(track.key, track.confidence)] : ["–"];
  if (marks) {
    key.push(" ", html("span", { class: "mark", title: label, "aria-label": label }, marks));
  }
  const mixes = harmony(track);
  return [
    cell("key", ...key),
    cell("musical", hasKey(track) ? keys[track.key].name : track.keyless),
    cell("sure", track.confidence === undefined ? "–" : percent(track.confidence)),
    cell("cents", track.cents === undefined ? "–" : signed(track.cents)),
    cell("length", clock(track.duration)),
    cell("time", ...(track.parts ? [strip(track)] : [])),
    cell("mix", track === state.base ? "this track" : mixes ? HARMONIES[mixes] : ""),
  ];
}

/** Put the rows in view into the table; ``again``: even if they are the same places as before. */
function render(again = false) {
  const scroller = find("scroller"), count = state.shown.length;
  const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - MORE_ROWS);
  const rows = Math.ceil(scroller.clientHeight / ROW) + 2 * MORE_ROWS;
  const last = Math.min(count, first + rows);
  if (!again && first === state.first && last === state.last) return;
  Object.assign(state, { first, last });
  find("before").style.height = `${first * ROW}px`;
  find("after").style.height = `${(count - last) * ROW}px`;
  find("rows").replaceChildren(
    ...state.shown.slice(first, last).map((track, index) => row(track, first + index)),
  );
}

/** The tracks that pass the filters, in order. */
function selected() {
  const passes = KINDS[state.kind][1], texts = state.text.length ? searchTexts() : null;
  const found = tracks.filter((track) =>
    passes(track)
    && (state.keys.size === 0 || state.keys.has(track.key))
    && (state.base === null || harmony(track))
    && state.text.every((word) => texts.get(track).includes(word)));
  if (state.by === null) return found;
  const order = ORDERS[state.by], sign = state.down ? -1 : 1;
  return found.map((track) => [order(track), track]).sort(([a], [b]) => {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return a < b ? -sign : a > b ? sign : 0;
  }).map(([, track]) => track);
}

/** Show what the filters and the order give, from the top. */
function update() {
  state.shown = selected();
  find("count").value = `${number(state.shown.length)} of ${counted(tracks.length, "track")}`;
  find("nothing").hidden = state.shown.length > 0;
  find("tracks").setAttribute("aria-rowcount", state.shown.length + 1);
  for (const button of document.querySelectorAll("[data-by]")) {
    const sort = button.dataset.by !== state.by ? "none" : state.down ? "descending" : "ascending";
    button.parentElement.setAttribute("aria-sort", sort);
  }
  const { text, kind, keys: chosen, base } = state;
  find("clear").disabled = !(text.length || kind !== "all" || chosen.size || base);
  find("mixing").hidden = base === null;
  find("mixing").replaceChildren("Mixes with ", html("bdi", {}, base?.name ?? ""), " ✕");
  find("mixing").setAttribute("aria-label", `Mixes with ${base?.name}: show others too`);
  find("scroller").scrollTop = 0;
  markWheel();
  markChosen();
  render(true);
}

function markChosen() {
  const place = state.shown.indexOf(state.chosen), table = find("tracks");
  if (place < 0) table.removeAttribute("aria-activedescendant");
  else table.setAttribute("aria-activedescendant", `row-${place}`);
}

/** Make the track at ``place`` the chosen one, in view. */
function choose(place) {
  const scroller = find("scroller"), head = document.querySelector("thead").offsetHeight;
  const top = place * ROW, most = top + ROW + head - scroller.clientHeight;
  state.chosen = state.shown[place];
  scroller.scrollTop = Math.min(Math.max(scroller.scrollTop, most), top);
  markWheel();
  markChosen();
  render(true);
  showDetails();
}

// What the user does, and the start.

function showKinds() {
  for (const [kind, [title, passes]] of Object.entries(KINDS)) {
    const count = tracks.filter(passes).length;
    if (count) find("show").append(html("option", { value: kind }, `${title}: ${number(count)}`));
  }
}

function showFacts() {
  const failed = tracks.filter((track) => track.error).length;
  const facts = [counted(tracks.length, "track"), `${number(tracks.filter(hasKey).length)} with a key`];
  if (failed) facts.push(`${number(failed)} failed`);
  if (notReached) facts.push(`${number(notReached)} not reached: the run was stopped`);
  find("facts").textContent = facts.join(" · ");
}

function sortBy(by) {
  if (state.by !== by) Object.assign(state, { by, down: false });
  else if (!state.down) state.down = true;
  else Object.assign(state, { by: null, down: false });
  update();
}

function moved(key) {
  const place = state.shown.indexOf(state.chosen), last = state.shown.length - 1;
  const page = Math.max(1, Math.floor(find("scroller").clientHeight / ROW) - 2);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (key === "Home" || (key in steps && place < 0)) return 0;
  if (key === "End") return last;
  return key in steps ? Math.min(Math.max(place + steps[key], 0), last) : undefined;
}

function listen() {
  find("search").addEventListener("input", () => {
    state.text = plain(find("search").value).split(/\s+/).filter(Boolean);
    update();
  });
  find("show").addEventListener("change", () => {
    state.kind = find("show").value;
    update();
  });
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("filters").addEventListener("reset", () => {
    Object.assign(state, { text: [], kind: "all", base: null });
    state.keys.clear();
    setBase(null);
  });
  find("mixing").addEventListener("click", () => setBase(null));
  find("scroller").addEventListener("scroll", () => requestAnimationFrame(() => render()));
  new ResizeObserver(() => render(true)).observe(find("scroller"));
  find("rows").addEventListener("click", (event) => {
    const clicked = event.target.closest("tr");
    if (!clicked) return;
    const place = Number(clicked.dataset.place);
    if (state.shown[place] === state.chosen) closeDetails();
    else choose(place);
  });
  find("tracks").addEventListener("keydown", (event) => {
    const place = event.target === find("tracks") ? moved(event.key) : undefined;
    if (place === undefined || !state.shown.length) return;
    event.preventDefault();
    choose(place);
  });
  document.addEventListener("keydown", (event) => { // in a field with a text, Escape is the field's
    if (event.key === "Escape" && state.chosen && !event.target.value) closeDetails();
  });
  for (const button of document.querySelectorAll("[data-by]")) {
    button.addEventListener("click", () => sortBy(button.dataset.by));
  }
  find("wheel").addEventListener("click", (event) => {
    const clicked = event.target.closest("[data-key]");
    if (clicked) toggleKey(Number(clicked.dataset.key));
  });
  find("wheel").addEventListener("keydown", (event) => {
    const from = event.target.closest("[data-key]"), next = neighbour(from.dataset.key, event.key);
    if (event.key === "Enter" || event.key === " ") toggleKey(Number(from.dataset.key));
    else if (next !== undefined) {
      from.setAttribute("tabindex", -1);
      cellOf(next).setAttribute("tabindex", 0);
      cellOf(next).focus();
    } else return;
    event.preventDefault();
  });
}

document.documentElement.style.setProperty("--row", `${ROW}px`);
showFacts();
showKinds();
drawWheel();
listen();
update();

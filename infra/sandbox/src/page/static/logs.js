import { api, el, follow, toast } from "/live.js";

const MOST = 500;
const place = document.getElementById("logs");
const form = document.getElementById("filter");
let typed;

function filter() {
  return Object.fromEntries(new FormData(form));
}

function fits(entry) {
  const { executer, action, contains } = filter();
  const text = JSON.stringify(entry.document);
  return (!executer || entry.document.executer === executer)
    && (!action || entry.document.action === action)
    && (!contains || text.includes(contains));
}

function draw(entry) {
  const { level = "info", executer = "", action = "", message = "" } = entry.document;
  return el(
    "details",
    { className: `log ${level}` },
    el(
      "summary",
      {},
      el("time", {}, entry.received_at.slice(11, 23)),
      el("span", { className: "level" }, String(level)),
      el("b", {}, String(executer)),
      el("code", {}, String(action)),
      el("span", { className: "said" }, typeof message === "string" ? message : JSON.stringify(message)),
    ),
    el("pre", {}, JSON.stringify(entry.document, null, 2)),
  );
}

function drawEmpty() {
  if (!place.children.length) {
    place.append(el("p", { className: "empty" }, "Nothing here yet. Logs come from geobot-logger."));
  }
}

async function load() {
  try {
    const { documents } = await api(`logs?${new URLSearchParams({ ...filter(), last: MOST })}`);
    place.replaceChildren(...documents.reverse().map(draw));
    drawEmpty();
  } catch (error) {
    toast(error.message, "bad");
  }
}

form.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(load, 250);
});
form.addEventListener("submit", (event) => event.preventDefault());

follow((event) => {
  if (event.kind !== "log" || form.paused.checked || !fits(event.entry)) return;
  place.querySelector(".empty")?.remove();
  place.prepend(draw(event.entry));
  if (place.children.length > MOST) place.lastElementChild.remove();
}, load);

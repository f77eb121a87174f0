// What the three pages share: building elements, calling the control API, following the live events.

/** An element with properties and children; text is always text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
}

/** Calls the control API; throws the reason it refuses with. */
export async function api(path, body, method = body === undefined ? "GET" : "POST") {
  const answer = await fetch(`/control/${path}`, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error ?? answer.statusText);
  return result;
}

/** Follows the events; `reload` is called on every (re)connection, since events may have been missed. */
export function follow(onEvent, reload) {
  const lamp = document.getElementById("live");
  const source = new EventSource("/control/events");
  source.onopen = () => {
    lamp.textContent = "live";
    lamp.className = "live on";
  };
  source.onerror = () => {
    lamp.textContent = "reconnecting";
    lamp.className = "live off";
  };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.kind === "hello" || event.kind === "lagged" || event.kind === "reset") reload(event.kind);
    else onEvent(event);
  };
  addEventListener("pagehide", () => source.close());
}

/** Shows a short notice. */
export function toast(text, kind = "") {
  const place = document.getElementById("toasts");
  const note = el("div", { className: `toast ${kind}` }, text);
  place.append(note);
  setTimeout(() => note.remove(), 4500);
}

/** Hours and minutes of unix seconds. */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

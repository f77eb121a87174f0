import { api, clock, el, follow, toast } from "/live.js";

const MOST_LISTED = 100;
const MOST_BESIDE = 4;
const PATIENCE = 6000;

const people = new Map();
const panes = new Map();
const unread = new Map();
let bot = { username: "", first_name: "geobot", commands: [] };
let selected = Number(localStorage.getItem("selected")) || 0;
let beside = localStorage.getItem("beside") === "yes";

const $ = (id) => document.getElementById(id);

// ---- people ----

function drawPeople() {
  const list = [...people.values()].sort((a, b) => (b.active_at - a.active_at) || (a.id - b.id)).slice(0, MOST_LISTED);
  $("people").replaceChildren(
    ...list.map((person) => {
      const count = unread.get(person.id);
      return el(
        "li",
        {},
        el(
          "button",
          { className: `contact ${person.id === selected ? "chosen" : ""}`, onclick: () => choose(person.id) },
          avatar(person),
          el(
            "span",
            { className: "who" },
            el("b", {}, fullName(person)),
            el("small", {}, about(person)),
          ),
          count ? el("span", { className: "count" }, String(count)) : null,
        ),
      );
    }),
  );
  $("welcome").hidden = people.size > 0;
}

function fullName(person) {
  return [person.first_name, person.last_name].filter(Boolean).join(" ");
}

function about(person) {
  if (person.blocked) return "has blocked the bot";
  const parts = [person.username ? `@${person.username}` : `id ${person.id}`, person.language_code];
  return parts.filter(Boolean).join(" · ");
}

function avatar(person) {
  const letters = fullName(person).split(/\s+/).map((word) => [...word][0]).slice(0, 2).join("").toUpperCase();
  return el("span", { className: `avatar hue${person.id % 6}` }, letters);
}

async function createPerson(details, start) {
  const person = await api("people", details);
  people.set(person.id, person);
  choose(person.id);
  if (start) await write(person.id, "/start");
}

function choose(id) {
  selected = id;
  localStorage.setItem("selected", id);
  unread.delete(id);
  arrange();
}

/** Shows the chosen chat, or several next to one another. */
function arrange() {
  const recent = [...people.values()].sort((a, b) => b.active_at - a.active_at).map((person) => person.id);
  if (!people.has(selected)) selected = recent[0] ?? 0;
  let shown = beside ? recent.slice(0, MOST_BESIDE) : [selected];
  if (beside && selected && !shown.includes(selected)) shown = [selected, ...shown.slice(0, MOST_BESIDE - 1)];
  // People keep their place while they talk.
  shown.sort((a, b) => a - b);
  const wanted = shown.filter((id) => people.has(id)).map((id) => pane(id).root);
  const now = [...$("panes").children];
  if (now.length !== wanted.length || now.some((root, index) => root !== wanted[index])) {
    $("panes").replaceChildren(...wanted);
    for (const id of shown) panes.get(id)?.toEnd();
  }
  for (const id of shown) unread.delete(id);
  drawPeople();
}

function isShown(id) {
  return panes.get(id)?.root.isConnected ?? false;
}

// ---- one chat ----

function pane(id) {
  if (!panes.has(id)) panes.set(id, new Pane(id));
  return panes.get(id);
}

class Pane {
  constructor(id) {
    this.id = id;
    this.messages = new Map();
    this.title = el("div", { className: "who" });
    this.list = el("div", { className: "messages" });
    this.keyboard = el("div", { className: "reply-keyboard" });
    this.footer = el("div", { className: "footer" });
    this.menu = el("div", { className: "commands", hidden: true });
    this.root = el(
      "section",
      { className: "pane" },
      el("header", {}, this.title, el("button", { className: "small quiet", onclick: () => this.toggleBlock() }, "Block bot")),
      this.list,
      this.menu,
      this.keyboard,
      this.footer,
    );
    this.drawFooter();
    this.load();
  }

  get person() {
    return people.get(this.id);
  }

  async load() {
    try {
      const chat = await api(`people/${this.id}/chat`);
      this.messages.clear();
      this.list.replaceChildren();
      for (const message of chat.messages) this.put(message);
      this.drawReplyKeyboard(chat.reply_keyboard);
      this.drawFooter();
      this.toEnd();
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  drawFooter() {
    const person = this.person;
    if (!person) return;
    this.title.replaceChildren(avatar(person), el("span", {}, el("b", {}, fullName(person)), el("small", {}, about(person))));
    const block = this.root.querySelector("header button");
    block.textContent = person.blocked ? "Unblock bot" : "Block bot";
    const kind = person.blocked ? "blocked" : this.messages.size === 0 && !person.started ? "new" : "open";
    if (this.footer.dataset.kind === kind) return;
    this.footer.dataset.kind = kind;
    if (kind === "blocked") {
      this.footer.replaceChildren(el("button", { className: "primary wide", onclick: () => this.restart() }, "Restart bot"));
    } else if (kind === "new") {
      this.footer.replaceChildren(el("button", { className: "primary wide", onclick: () => write(this.id, "/start") }, "Start"));
    } else {
      const picker = el("input", { type: "file", hidden: true });
      picker.addEventListener("change", () => {
        const [file] = picker.files;
        picker.value = "";
        if (file) attach(this.id, file);
      });
      const input = el("textarea", { rows: 1, placeholder: "Message", "aria-label": "Message" });
      const say = () => {
        const text = input.value.trim();
        input.value = "";
        if (text) write(this.id, text);
      };
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey) {
          event.preventDefault();
          say();
        }
      });
      this.footer.replaceChildren(
        el("button", { className: "quiet", title: "Commands", onclick: () => this.toggleMenu() }, "/"),
        el("button", { className: "quiet", title: "Send a photo or a document", onclick: () => picker.click() }, "+"),
        el("button", { className: "quiet", title: "Send a location (Moscow)", onclick: () => send(this.id, { location: HOME }) }, "◎"),
        picker,
        input,
        el("button", { className: "primary", onclick: say, "aria-label": "Send" }, "➤"),
      );
    }
  }

  async toggleMenu() {
    this.menu.hidden = !this.menu.hidden;
    if (this.menu.hidden) return;
    // The menu is the bot's, in the person's language.
    await loadBot(this.person.language_code ?? "").catch((error) => toast(error.message, "bad"));
    const commands = bot.commands.length ? bot.commands : [{ command: "start", description: "Start the bot" }];
    this.menu.replaceChildren(
      ...commands.map((item) =>
        el(
          "button",
          {
            onclick: () => {
              this.menu.hidden = true;
              write(this.id, `/${item.command}`);
            },
          },
          el("b", {}, `/${item.command}`),
          el("span", {}, item.description),
        ),
      ),
    );
  }

  drawReplyKeyboard(markup) {
    const rows = markup?.keyboard ?? [];
    this.keyboard.replaceChildren(
      ...rows.map((row) =>
        el(
          "div",
          {},
          ...row.map((button) => {
            const text = typeof button === "string" ? button : button.text;
            let said = { text };
            if (button.request_location) said = { location: HOME };
            if (button.request_contact) said = { contact: { phone_number: "+79990000000" } };
            return el("button", { onclick: () => send(this.id, said) }, text);
          }),
        ),
      ),
    );
  }

  put(message) {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const drawn = this.draw(message);
    const known = this.messages.get(message.message_id);
    if (known) known.replaceWith(drawn);
    else this.list.append(drawn);
    this.messages.set(message.message_id, drawn);
    if (message.from === "bot") {
      clearTimeout(this.patience);
      this.list.querySelector(".hint")?.remove();
      this.typing(false);
    }
    if (atEnd) this.toEnd();
  }

  draw(message) {
    const bubble = el("div", { className: "bubble" });
    if (message.deleted) {
      bubble.append(el("i", {}, "message deleted"));
    } else {
      if (message.photo) bubble.append(picture(message.photo));
      for (const kind of ["document", "video", "animation", "audio", "voice", "video_note", "sticker"]) {
        if (message[kind]) bubble.append(documentCard(message[kind]));
      }
      if (message.location) bubble.append(card("◎", "Location", `${message.location.latitude}, ${message.location.longitude}`));
      if (message.contact) bubble.append(card("☎", fullName(message.contact), message.contact.phone_number));
      const text = message.text ?? message.caption;
      if (text) bubble.append(el("div", { className: "text" }, ...formatted(text, message.entities, this)));
    }
    bubble.append(el("small", { className: "when" }, `${message.edit_date ? "edited " : ""}${clock(message.date)}`));
    const buttons = message.buttons.map((row) =>
      el("div", { className: "row" }, ...row.map((button) => this.drawButton(message, button))),
    );
    return el(
      "article",
      { className: `message ${message.from}${message.deleted ? " deleted" : ""}` },
      bubble,
      buttons.length ? el("div", { className: "buttons" }, ...buttons) : null,
    );
  }

  drawButton(message, button) {
    if (button.url) return link(button.url, [button.text, el("span", { className: "out" }, "↗")], this);
    const pressed = el("button", {}, button.text);
    pressed.addEventListener("click", async () => {
      pressed.classList.add("waiting");
      setTimeout(() => pressed.classList.remove("waiting"), 4000);
      try {
        await api(`people/${this.id}/clicks`, { message_id: message.message_id, button: button.callback_data ?? button.text });
      } catch (error) {
        pressed.classList.remove("waiting");
        toast(error.message, "bad");
      }
    });
    return pressed;
  }

  answered(event) {
    for (const button of this.list.querySelectorAll(".waiting")) button.classList.remove("waiting");
    if (event.text) toast(event.text, event.show_alert ? "alert" : "");
    if (event.url) followLink(event.url, this);
  }

  typing(on) {
    this.root.classList.toggle("typing", on);
    clearTimeout(this.typingEnd);
    if (on) this.typingEnd = setTimeout(() => this.typing(false), 5000);
  }

  /** A newcomer whose bot is not running should not wonder. */
  waitForAnswer() {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      this.list.append(el("p", { className: "hint" }, "No answer yet. Is geobot-bot running? What it said to Telegram is at /control/calls."));
      this.toEnd();
    }, PATIENCE);
  }

  async toggleBlock() {
    const action = this.person.blocked ? "unblock" : "block";
    await api(`people/${this.id}/${action}`, {}).catch((error) => toast(error.message, "bad"));
  }

  async restart() {
    await this.toggleBlock();
    await write(this.id, "/start");
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }
}

/** Where people of the sandbox are. */
const HOME = { latitude: 55.7558, longitude: 37.6173 };

function write(id, text) {
  return send(id, { text });
}

/** Sends a file as Telegram's apps do: pictures as photos, the rest as documents. */
async function attach(id, file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const parts = [];
  for (let at = 0; at < bytes.length; at += 0x8000) parts.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  const kind = /^image\/(png|jpeg|webp)$/.test(file.type) ? "photo" : "document";
  await send(id, { [kind]: { base64: btoa(parts.join("")), file_name: file.name, mime_type: file.type || undefined } });
}

async function send(id, said) {
  try {
    await api(`people/${id}/messages`, said);
    pane(id).waitForAnswer();
  } catch (error) {
    toast(error.message, "bad");
  }
}

// ---- what messages show ----

const TAGS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre",
  blockquote: "blockquote", expandable_blockquote: "blockquote",
};

/** Text with its entities. Offsets are in UTF-16 code units, as JavaScript's strings are. */
function formatted(text, entities, pane, start = 0, end = text.length) {
  const parts = [];
  let at = start;
  let index = 0;
  while (index < entities.length) {
    const entity = entities[index];
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    index += 1;
    if (to <= from) continue;
    const inner = [];
    while (index < entities.length && entities[index].offset < to) inner.push(entities[index++]);
    if (from > at) parts.push(text.slice(at, from));
    const children = formatted(text, inner, pane, from, to);
    parts.push(wrap(entity, text.slice(from, to), children, pane));
    at = to;
  }
  if (at < end) parts.push(text.slice(at, end));
  return parts;
}

function wrap(entity, text, children, pane) {
  if (entity.type === "text_link") return link(entity.url, children, pane);
  if (entity.type === "url") return link(text, children, pane);
  if (entity.type === "spoiler") {
    return el("span", { className: "spoiler", onclick: (event) => event.currentTarget.classList.add("seen") }, ...children);
  }
  if (entity.type === "bot_command") {
    return el("button", { className: "command", onclick: () => write(pane.id, text) }, ...children);
  }
  return TAGS[entity.type] ? el(TAGS[entity.type], {}, ...children) : el("span", {}, ...children);
}

/** A link as Telegram follows it: start links talk to the bot, invite links join, the rest opens in a new tab. */
function link(address, children, pane) {
  const anchor = el("a", { href: /^(https?|tg|mailto|tel):/.test(address) ? address : "#", target: "_blank", rel: "noopener noreferrer" }, ...children);
  anchor.addEventListener("click", (event) => {
    if (followLink(address, pane)) event.preventDefault();
  });
  return anchor;
}

function followLink(address, pane) {
  let parsed;
  try {
    parsed = new URL(address);
  } catch {
    return false;
  }
  if (!["t.me", "telegram.me"].includes(parsed.host)) return false;
  const name = parsed.pathname.slice(1);
  if (name.startsWith("+")) {
    api(`people/${pane.id}/joins`, { invite_link: address })
      .then((joined) => toast(joined.requested ? "Asked to be let in" : "Joined the channel"))
      .catch((error) => toast(error.message, "bad"));
    return true;
  }
  if (name.toLowerCase() === bot.username.toLowerCase()) {
    write(pane.id, ["/start", parsed.searchParams.get("start")].filter(Boolean).join(" "));
    return true;
  }
  return false;
}

function picture(photo) {
  return el("a", { className: "photo", href: photo.url, target: "_blank", rel: "noopener noreferrer" }, el("img", { src: photo.url, alt: photo.file_name }));
}

function card(sign, title, details) {
  return el(
    "div",
    { className: "document" },
    el("span", { className: "sheet" }, sign),
    el("span", {}, el("b", {}, title), el("small", {}, details)),
  );
}

function documentCard(file) {
  const size = file.file_size ? `${Math.ceil(file.file_size / 1024)} KB` : "link";
  return el(
    "a",
    { className: "document", href: file.url, download: file.file_name, target: "_blank", rel: "noopener noreferrer" },
    el("span", { className: "sheet" }, "⤓"),
    el("span", {}, el("b", {}, file.file_name), el("small", {}, size)),
  );
}

// ---- live ----

function onEvent(event) {
  switch (event.kind) {
    case "person":
      people.set(event.person.id, event.person);
      panes.get(event.person.id)?.drawFooter();
      arrange();
      break;
    case "message":
    case "edit":
    case "delete": {
      const person = people.get(event.person);
      if (!person) break;
      if (event.message.from === "person") {
        person.started = true;
        person.active_at = event.message.date;
      }
      const open = panes.get(event.person);
      open?.put(event.message);
      if (event.kind === "message") open?.drawReplyKeyboard(event.reply_keyboard);
      open?.drawFooter();
      if (event.kind === "message" && event.message.from === "bot" && !isShown(event.person)) {
        unread.set(event.person, (unread.get(event.person) ?? 0) + 1);
      }
      drawPeople();
      break;
    }
    case "callback_answer":
      panes.get(event.person)?.answered(event);
      break;
    case "action":
      panes.get(event.person)?.typing(true);
      break;
  }
}

async function loadBot(language = "") {
  bot = await api(`bot?language=${encodeURIComponent(language)}`);
}

async function reload(kind) {
  try {
    const [known] = await Promise.all([api("people"), loadBot()]);
    people.clear();
    for (const person of known.people) people.set(person.id, person);
    if (kind === "reset") {
      panes.clear();
      unread.clear();
      $("panes").replaceChildren();
    } else {
      for (const open of panes.values()) open.load();
    }
    arrange();
  } catch (error) {
    toast(error.message, "bad");
  }
}

$("side").checked = beside;
$("side").addEventListener("change", (event) => {
  beside = event.target.checked;
  localStorage.setItem("beside", beside ? "yes" : "no");
  arrange();
});
$("add").addEventListener("click", () => $("person").showModal());
$("cancel").addEventListener("click", () => $("person").close(""));
$("person").addEventListener("close", () => {
  const form = $("person").querySelector("form");
  const details = Object.fromEntries(new FormData(form));
  if ($("person").returnValue === "create") {
    const { start, ...person } = details;
    createPerson(person, start === "on").catch((error) => toast(error.message, "bad"));
  }
  form.reset();
  $("person").returnValue = "";
});
$("begin").addEventListener("click", () => {
  const language = $("first-language").value;
  const person = language === "ru" ? { first_name: "Анна", username: "anna" } : { first_name: "Anna", username: "anna" };
  createPerson({ ...person, language_code: language }, true).catch((error) => toast(error.message, "bad"));
});
follow(onEvent, reload);

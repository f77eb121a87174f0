import { api, el, follow, toast } from "/live.js";

const payments = new Map();
const place = document.getElementById("payments");
const key = (payment) => `${payment.inv_id}/${payment.is_test}`;

function act(payment, action) {
  api(`payments/${payment.inv_id}/${action}?is_test=${payment.is_test}`, {}).catch((error) => toast(error.message, "bad"));
}

function button(payment, action, text, className = "small") {
  return el("button", { className, onclick: () => act(payment, action) }, text);
}

function attempt(name) {
  return (call) => {
    const said = call.error ?? `${call.status} ${call.body || "(empty)"}`;
    return el(
      "li",
      { className: call.accepted ? "good" : "bad" },
      el("time", {}, call.at.slice(11, 23)),
      name,
      el("code", {}, said.slice(0, 160)),
      call.accepted ? "taken" : "not taken",
    );
  };
}

function decide(refund, state) {
  api(`refunds/${refund.request_id}`, { state }).catch((error) => toast(error.message, "bad"));
}

const SHADES = { processing: "waits", finished: "good", canceled: "bad", waiting: "waits", registered: "good" };

function refund(item) {
  const waits = item.state === "processing";
  return el(
    "li",
    { className: SHADES[item.state] },
    el("time", {}, item.made_at.slice(11, 23)),
    el("b", {}, `refund ${item.amount} ₽`),
    item.state,
    el("code", {}, item.request_id),
    waits ? el("button", { className: "small", onclick: () => decide(item, "finished") }, "Finish") : null,
    waits ? el("button", { className: "small", onclick: () => decide(item, "canceled") }, "Cancel") : null,
  );
}

function secondReceipt(item) {
  return el("li", { className: SHADES[item.state] }, el("b", {}, `second receipt ${item.id}`), `${item.total} ₽`, item.state);
}

function receiptLine(item) {
  return el("div", {}, el("dt", {}, "Receipt"), el("dd", {}, `${item.name} · ${item.quantity} × · ${item.sum ?? item.cost} ₽ · ${item.tax}`));
}

function draw(payment) {
  const shp = Object.entries(payment.shp).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, el("code", {}, value))));
  const actions = payment.state === "paid"
    ? [button(payment, "callback", "Call ResultURL again")]
    : [button(payment, "pay", "Pay", "small primary"), button(payment, "decline", "Decline")];
  const happened = [
    ...payment.callbacks.map(attempt("ResultURL")),
    ...payment.result_url2.map(attempt("ResultURL2")),
    ...payment.refunds.map(refund),
    ...payment.second_receipts.map(secondReceipt),
  ];
  const waiting = payment.state === "paid" && payment.callbacks_due === 0 && !payment.callbacks.some((call) => call.accepted);
  return el(
    "article",
    { className: "payment" },
    el(
      "header",
      {},
      el("b", {}, `${payment.out_sum} ₽`),
      el("span", { className: `tag ${payment.state}` }, payment.state),
      payment.is_test ? el("span", { className: "tag test" }, "test") : null,
      el("span", { className: "what" }, payment.description || "no description"),
      el("span", { className: "actions" }, ...actions),
    ),
    el(
      "dl",
      {},
      el("div", {}, el("dt", {}, "InvId"), el("dd", {}, String(payment.inv_id))),
      el("div", {}, el("dt", {}, "OpStateExt"), el("dd", {}, payment.is_test ? "not for test payments" : String(payment.op_state ?? "3: not found"))),
      payment.op_key ? el("div", {}, el("dt", {}, "OpKey"), el("dd", {}, el("code", {}, payment.op_key))) : null,
      ...shp,
      ...(payment.receipt?.items ?? []).map(receiptLine),
    ),
    happened.length ? el("ol", { className: "calls" }, ...happened) : null,
    waiting ? el("p", { className: "hint" }, "The callback was lost: the shop has to ask OpStateExt, or call it again here.") : null,
  );
}

function drawAll() {
  const newest = [...payments.values()].reverse().slice(0, 200);
  if (newest.length) place.replaceChildren(...newest.map(draw));
  else place.replaceChildren(el("p", { className: "empty" }, "No payments yet. Buy something in the chat and press its pay button."));
}

let planned = false;
function drawSoon() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    drawAll();
  });
}

follow(
  (event) => {
    if (event.kind !== "payment") return;
    payments.set(key(event.payment), event.payment);
    drawSoon();
  },
  async () => {
    payments.clear();
    for (const payment of (await api("payments")).payments) payments.set(key(payment), payment);
    drawSoon();
  },
);

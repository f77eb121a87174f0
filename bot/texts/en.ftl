# Commands
command-buy = Buy
command-payments = My payments
command-subscriptions = My subscriptions
command-cabinet = My account
command-profile = Profile and language
command-settings = Notifications
command-stop = No more news
command-help = Help

# Menu
welcome = Hello, <b>{ $name }</b>! Buy access and files here and get them in this chat at once.
menu = What would you like to see?
unknown-command = There is no such command. Choose from the menu, or say it in words: our staff will see the message.
profile = <b>{ $name }</b>
    Your number in Telegram: <code>{ $id }</code>
    Language: English

    News of the shop: { $news }
    Reminders: { $reminders }
switched-on = on
switched-off = off
button-buy = 🛍 Buy
button-payments = 🧾 My payments
button-subscriptions = 🔑 My subscriptions
button-cabinet = 👤 My account
button-profile = 🪪 Profile
button-settings = 🔔 Notifications
button-news = News of the shop
button-reminders = Reminders
button-city = 📍 My city
button-send-place = 📍 Send my location
button-help = ❓ Help
button-language = 🌐 Русский
button-menu = ⬅️ Menu
help = Choose a product, press “Pay” and pay on Robokassa's page. What you bought arrives in this chat right after the payment.

    Your account with payments and subscriptions: /cabinet

    If something is wrong, just write here or send a photo: our staff will see it.
language-changed = We speak English now.

# Buying
choose-product = Choose a product:
product-line = <b>{ $title }</b> — { $price }
nothing-on-sale = Nothing is on sale right now. Please come back later.
product-gone = This product is no longer on sale.
preparing-invoice = Preparing the invoice…
checking-payment = Checking the payment…
one-moment = One moment…
invoice = Invoice for <b>{ $title }</b>
    To pay: <b>{ $amount }</b>

    Press “Pay”: the payment page will open.
invoice-discounted = Invoice for <b>{ $title }</b>
    To pay: <s>{ $full }</s> <b>{ $amount }</b>
    Promo code: <b>{ $code }</b>

    Press “Pay”: the payment page will open.
invoice-test = 🧪 A test payment: no money is taken.
button-pay = 💳 Pay { $amount }
button-check = ✅ I have paid
button-check-again = 🔄 Check again
button-promo = 🏷 I have a promo code
button-promo-again = 🏷 Enter another promo code
button-no-promo = 🛍 Buy without a promo code
button-buy-again = 🔁 Buy again
enter-promo = Send the promo code as one message.
invoice-refused-product = This product can't be bought right now.
invoice-refused-blocked = You can't buy here.
invoice-refused-promo = The promo code was not accepted. Please check the spelling. It may also be over or used already.
invoice-expired = The time to pay the invoice for <b>{ $title }</b> is over. If you have already paid, what you bought will still arrive. To buy again, open /buy.

# Paying
invoice-paid = ✅ The invoice for <b>{ $title }</b> is paid.
payment-received = ✅ Payment received: <b>{ $title }</b>, { $amount }. Thank you!
delivery-link = Your personal link (works once): { $link }
delivery-webhook = Your order is on its way. You will get what you bought from our partner within minutes.
delivery-delayed = We can't give you <b>{ $title }</b> yet. Our staff knows already. There is no need to pay again: it will arrive here as soon as it can.
payment-mismatch = The amount that arrived is not the one on the invoice. Our staff is looking into it and will write to you.
refund-done = We returned { $amount } for invoice No. { $invoice }. The money comes back the way you paid it, usually within a few days.
access-revoked = Access by invoice No. { $invoice } is closed.

# Payments
payments-none = No payments yet.
payments-title = Your payments:
payment-line = { $date } · { $title } · { $amount } · { $status } · No. { $invoice }
status-created = awaiting payment
status-pending = awaiting payment
status-paid = paid
status-mismatch = being checked
status-expired = expired
status-cancelled = cancelled
status-refunding = being refunded
status-refunded = refunded
status-partly_refunded = partly refunded
payment-state = Invoice for <b>{ $title }</b>: { $status }.
payment-state-unpaid = The payment for <b>{ $title }</b> has not arrived yet. If you have paid, please wait a few minutes: what you bought will arrive here by itself, there is no need to pay again.
payment-state-held = The invoice for <b>{ $title }</b> is paid, but we can't give it to you yet. Our staff knows already. There is no need to pay again: it will arrive here as soon as it can.
subscriptions-none = No subscriptions yet.
subscriptions-title = Your subscriptions:
subscription-line = { $title } — until { $until }
subscription-forever = { $title } — without an end
subscription-ends-soon = <b>{ $title }</b> is yours until { $until }. Bought before then, the next term begins where this one ends: /buy
subscription-ended = <b>{ $title }</b> has ended. To have it again: /buy

# Other
support-answer = Support answers:
message-passed-on = I passed your message on to our staff. The answer will come here.
blocked = You can't use this bot.
maintenance = The shop is closed for maintenance. Please come back a little later.
settings = What may we send you? Answers and messages about payments always arrive.
stopped = All right, no more news and reminders. Answers and messages about payments still arrive. To turn them on again: /settings
too-fast = Too many messages within a minute. Please wait a little.
message-not-taken = I can't pass on such a message. Send a text, a photo, a video, a file or a voice message.
file-not-taken = I passed your message on, but could not take the file. A bot can't get files of more than 20 MB: send a smaller one or a link to it.

# Account
cabinet-link = Sign in to your account. The link works once, until { $until }. Give it to nobody.
cabinet-link-expired = The sign-in link grew too old on its way here. Ask for a new one.
button-open-cabinet = Open my account

# City
place-ask = Press the button below the input field and I will find your city.
place-taken = Looking for the city…
place-off = I need not know where you are right now. To tell our staff something, write it as text.
city-found = Your city: <b>{ $city }</b> { $flag }
city-not-found = I found no city near this place.

# Joining a chat
join-approved = You are let in: welcome!
join-declined = This chat is for those who have bought access. Buy it here and ask again.

# For staff
digest-title = 🚨 <b>{ $count } { $count ->
        [one] error
       *[other] errors
    }</b>
digest-more = … and { $count } more { $count ->
        [one] error
       *[other] errors
    } of other kinds.

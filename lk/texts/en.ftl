# Pages of the personal cabinet.
brand = Personal cabinet
to-the-bot = Back to the chat with the bot
to-the-payment = To the payment page

home-title = Personal cabinet
home-text = Invoices and purchases open by the links in your chat with the bot. To sign in, send the bot the command /cabinet.
not-found-title = Page not found
not-found-text = Check the link: it may have been copied in part. The bot makes you a new invoice at any time.
unavailable-title = Not possible right now
unavailable-text = We are looking into it. Reload the page in a minute: nothing happens to your payments.

pay-title = Payment
pay-number = Invoice no. { $number }
pay-button = Pay { $amount }
pay-promo = Promo code { $code }
pay-hint = You pay on Robokassa's protected page. We never see your card details.
pay-test = Test payment: no money is charged.

state-open = Waiting for payment
detail-open = Your purchase comes to the chat with the bot once it is paid.
state-confirming = Confirming the payment
detail-confirming = This usually takes a few seconds. The page reloads by itself, and your purchase comes to the chat with the bot.
state-paid = Paid
detail-waiting = Sending your purchase to the chat with the bot…
detail-delivered = Your purchase is in the chat with the bot.
detail-held = Your purchase could not be delivered yet; we are looking into it. Your money is not lost.
state-expired = The time to pay is over
detail-expired = To buy, get a new invoice in the chat with the bot. If you have paid already, the payment still counts.
state-cancelled = The invoice was cancelled
state-mismatch = Another amount was received
detail-mismatch = The amount paid differs from the invoice. We will check the payment and write to you.
state-refunding = Returning the money
state-refunded = The money was returned
state-partly-refunded = Part of the money was returned
detail-refund = When it reaches your account depends on your bank.

success-title = Thank you!
success-text = Your purchase comes to the chat with the bot as soon as the payment is confirmed.
fail-title = The payment was not completed
fail-text = No money was charged. You can try again or choose another way to pay.
fail-again = Back to the payment

sign-in-title = Sign in to your cabinet
sign-in-text = You are signing in as { $name }.
sign-in-button = Sign in
sign-in-hint = The link works once. Do not pass it on: it opens your payments.
link-gone-title = The link does not work
link-gone-text = The link was used, has expired, or was replaced by a newer one. Send the bot the command /cabinet to get another.
link-malformed-text = The link seems to have been copied in part. Send the bot the command /cabinet to get another.

cabinet-title = Personal cabinet
cabinet-language = Language: English. You can change it in the chat with the bot.
cabinet-payments = Payments
cabinet-no-payments = No payments yet.
cabinet-rights = Purchases and subscriptions
cabinet-no-rights = No purchases yet.
cabinet-newest = { $count ->
    [one] The latest { $count } entry is shown.
   *[other] The latest { $count } entries are shown.
 }
cabinet-made-at = Invoice of { $date }
cabinet-paid-at = Paid on { $date }
cabinet-received = Received { $amount }
cabinet-refunded = Returned { $amount } ({ $date })
cabinet-refunding = Returning { $amount } (since { $date })
right-until = Until { $end }
right-begins = From { $start } to { $end }
right-forever = For ever
right-ended = Ended on { $end }
right-revoked = No longer valid
cabinet-sign-out = Sign out
cabinet-sign-out-everywhere = Sign out everywhere
cabinet-closed-title = You are not signed in
cabinet-closed-text = Send the bot the command /cabinet: it will give you a link to sign in.
cabinet-blocked-title = Access is closed
cabinet-blocked-text = Your access to the cabinet is closed. If this is a mistake, write to support.
cabinet-foreign-title = The request was not taken
cabinet-foreign-text = The request came from another site. Open the cabinet and try again.

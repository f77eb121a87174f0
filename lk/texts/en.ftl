# Pages of the personal cabinet.
brand = Personal cabinet
to-the-bot = Back to the chat with the bot
to-the-payment = To the payment page

home-title = Personal cabinet
home-text = Invoices and purchases open by the links in your chat with the bot.
not-found-title = Page not found
not-found-text = Check the link: it may have been copied in part. The bot makes you a new invoice at any time.
unavailable-title = Not possible right now
unavailable-text = We are looking into it. Reload the page in a minute: nothing happens to your payments.

pay-title = Payment
pay-number = Invoice no. { $number }
pay-button = Pay { $amount }
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

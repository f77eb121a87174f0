# Команды
command-buy = Купить
command-payments = Мои платежи
command-subscriptions = Мои подписки
command-cabinet = Личный кабинет
command-profile = Профиль и язык
command-settings = Уведомления
command-stop = Не присылать новости
command-help = Помощь

# Меню
welcome = Здравствуйте, <b>{ $name }</b>! Здесь можно купить доступ и файлы и сразу получить их в этом чате.
menu = Что показать?
unknown-command = Такой команды нет. Выберите в меню или напишите словами: сообщение увидят сотрудники.
profile = <b>{ $name }</b>
    Ваш номер в Telegram: <code>{ $id }</code>
    Язык: русский

    Новости магазина: { $news }
    Напоминания: { $reminders }
switched-on = приходят
switched-off = не приходят
button-buy = 🛍 Купить
button-payments = 🧾 Мои платежи
button-subscriptions = 🔑 Мои подписки
button-cabinet = 👤 Личный кабинет
button-profile = 🪪 Профиль
button-settings = 🔔 Уведомления
button-news = Новости магазина
button-reminders = Напоминания
button-city = 📍 Мой город
button-send-place = 📍 Отправить моё местоположение
button-help = ❓ Помощь
button-language = 🌐 English
button-menu = ⬅️ В меню
help = Выберите товар, нажмите «Оплатить» и заплатите на странице Robokassa. Товар придёт в этот чат сразу после оплаты.

    Личный кабинет с платежами и подписками: /cabinet

    Если что-то не так, просто напишите сюда или пришлите фото: сообщение увидят сотрудники.
language-changed = Теперь говорим по-русски.

# Покупка
choose-product = Выберите товар:
product-line = <b>{ $title }</b> — { $price }
nothing-on-sale = Сейчас ничего не продаётся. Загляните позже.
product-gone = Этого товара больше нет в продаже.
preparing-invoice = Готовлю счёт…
checking-payment = Проверяю оплату…
one-moment = Секунду…
invoice = Счёт: <b>{ $title }</b>
    К оплате: <b>{ $amount }</b>

    Нажмите «Оплатить»: откроется страница оплаты.
invoice-discounted = Счёт: <b>{ $title }</b>
    К оплате: <s>{ $full }</s> <b>{ $amount }</b>
    Промокод: <b>{ $code }</b>

    Нажмите «Оплатить»: откроется страница оплаты.
invoice-test = 🧪 Тестовый платёж: деньги не списываются.
button-pay = 💳 Оплатить { $amount }
button-check = ✅ Я оплатил(а)
button-check-again = 🔄 Проверить ещё раз
button-promo = 🏷 Есть промокод
button-promo-again = 🏷 Ввести другой промокод
button-no-promo = 🛍 Купить без промокода
button-buy-again = 🔁 Купить снова
enter-promo = Напишите промокод одним сообщением.
invoice-refused-product = Этот товар сейчас нельзя купить.
invoice-refused-blocked = Покупки для вас закрыты.
invoice-refused-promo = Промокод не подошёл. Проверьте, нет ли опечатки. Возможно, его срок прошёл или он уже использован.
invoice-expired = Время оплаты истекло: <b>{ $title }</b>. Если вы уже заплатили, товар всё равно придёт. Чтобы купить снова, откройте /buy.

# Оплата
invoice-paid = ✅ Счёт оплачен: <b>{ $title }</b>.
payment-received = ✅ Оплата получена: <b>{ $title }</b>, { $amount }. Спасибо!
delivery-link = Ваша личная ссылка (работает один раз): { $link }
delivery-webhook = Заказ передан. Всё, что нужно, вы получите от исполнителя в ближайшие минуты.
delivery-delayed = Передать товар пока не получается: <b>{ $title }</b>. Сотрудники уже знают. Платить ещё раз не нужно: товар придёт сюда, как только получится.
payment-mismatch = Пришла не та сумма, что в счёте. Сотрудники уже разбираются и напишут вам.
refund-done = Вернули вам { $amount } по счёту № { $invoice }. Деньги придут тем же способом, каким вы платили, обычно за несколько дней.
access-revoked = Доступ по счёту № { $invoice } закрыт.

# Платежи
payments-none = Платежей пока нет.
payments-title = Ваши платежи:
payment-line = { $date } · { $title } · { $amount } · { $status } · № { $invoice }
status-created = ждёт оплаты
status-pending = ждёт оплаты
status-paid = оплачен
status-mismatch = проверяется
status-expired = истёк
status-cancelled = отменён
status-refunding = возвращается
status-refunded = возвращён
status-partly_refunded = возвращён частично
payment-state = Счёт: <b>{ $title }</b>. Состояние: { $status }.
payment-state-unpaid = Оплата пока не пришла: <b>{ $title }</b>. Если вы уже заплатили, подождите пару минут: товар придёт сюда сам, платить ещё раз не нужно.
payment-state-held = Счёт оплачен: <b>{ $title }</b>. Передать товар пока не получается. Сотрудники уже знают. Платить ещё раз не нужно: товар придёт сюда, как только получится.
subscriptions-none = Подписок пока нет.
subscriptions-title = Ваши подписки:
subscription-line = { $title } — до { $until }
subscription-forever = { $title } — без срока
subscription-ends-soon = <b>{ $title }</b> действует до { $until }. Если продлить заранее, новый срок начнётся с конца этого: /buy
subscription-ended = Срок закончился: <b>{ $title }</b>. Купить снова: /buy

# Прочее
support-answer = Ответ поддержки:
message-passed-on = Передал ваше сообщение сотрудникам. Ответ придёт сюда.
blocked = Доступ к боту для вас закрыт.
maintenance = Магазин ненадолго закрыт на обслуживание. Загляните чуть позже.
settings = Что присылать? Ответы и сообщения об оплате приходят всегда.
stopped = Хорошо, больше не присылаю новости и напоминания. Ответы и сообщения об оплате приходят всегда. Включить снова: /settings
too-fast = Слишком много сообщений за минуту. Подождите немного.
message-not-taken = Такое сообщение передать не получится. Пришлите текст, фото, видео, файл или голосовое.
file-not-taken = Сообщение передал, но файл взять не удалось. Файлы больше 20 МБ бот получить не может: пришлите файл поменьше или ссылку на него.

# Кабинет
cabinet-link = Вход в личный кабинет. Ссылка работает один раз, до { $until }. Никому её не передавайте.
cabinet-link-expired = Ссылка для входа устарела, пока шла сюда. Запросите новую.
button-open-cabinet = Открыть кабинет

# Город
place-ask = Нажмите кнопку под полем ввода, и я найду ваш город.
place-taken = Ищу город…
place-off = Сейчас мне не нужно знать, где вы. Если хотите что-то рассказать сотрудникам, напишите текстом.
city-found = Ваш город: <b>{ $city }</b> { $flag }
city-not-found = Не нашёл города рядом с этим местом.

# Вступление в чат
join-approved = Заявка одобрена: добро пожаловать!
join-declined = Этот чат только для тех, кто купил доступ. Купите его здесь и отправьте заявку снова.

# Сотрудникам
digest-title = 🚨 <b>{ $count } { $count ->
        [one] ошибка
        [few] ошибки
       *[other] ошибок
    }</b>
digest-more = … и ещё { $count } { $count ->
        [one] ошибка
        [few] ошибки
       *[other] ошибок
    } других видов.

brand = АРМ geobot
skip = К содержанию
nav-label = Разделы
nav-overview = Обзор
nav-payments = Платежи
nav-users = Пользователи
nav-messages = Сообщения
nav-products = Товары
nav-tasks = Задачи
nav-audit = Журнал
nav-promos = Промокоды
nav-staff = Сотрудники
show = Показать
nothing = Пока ничего нет.

paging-label = Страницы
paging-previous = Назад
paging-next = Дальше
paging-page = Страница { $n }

sign-in = Вход
sign-in-login = Логин
sign-in-password = Пароль
sign-in-button = Войти
sign-in-wrong = Логин или пароль не подходит.
sign-in-slow-down = Слишком много попыток. Попробуйте через { $n ->
    [one] { $n } секунду
    [few] { $n } секунды
   *[many] { $n } секунд
}.
sign-out = Выйти

account-password = Смена пароля
account-current = Текущий пароль
account-new = Новый пароль
account-repeated = Новый пароль ещё раз
account-button = Сменить пароль
account-note = Остальные сеансы этой учётной записи завершатся.
account-done = Пароль изменён.
account-wrong-current = Текущий пароль не подходит.
account-wrong-repeated = Новый пароль повторён с ошибкой.
account-wrong-length = В новом пароле должно быть не меньше { $n } знаков.
account-must-change = Это одноразовый пароль: смените его, чтобы работать дальше.
account-wrong-same = Новый пароль должен отличаться от одноразового.

failure-not-found = Здесь ничего нет.
failure-forbidden = Ваша роль не даёт этого делать.
failure-foreign-form = Форма устарела или пришла с другого сайта. Вернитесь назад, обновите страницу и повторите.
failure-bad-form = Форму не удалось прочитать.
failure-internal = Не получилось: ошибка на нашей стороне, она записана в лог.
failure-home = На главную

overview-closed = Магазин закрыт на обслуживание: бот никому не продаёт.
overview-maintenance = Обслуживание
overview-maintenance-words = Пока магазин закрыт, бот отвечает, что открытие скоро. Оплаты, которые уже идут, принимаются и доставляются.
overview-close-shop = Закрыть магазин
overview-open-shop = Открыть магазин
overview-attention = Ждут решения:
overview-held = { $n ->
    [one] { $n } оплаченный, но не выданный
    [few] { $n } оплаченных, но не выданных
   *[many] { $n } оплаченных, но не выданных
}
overview-mismatches = { $n ->
    [one] { $n } платёж с другой суммой
    [few] { $n } платежа с другой суммой
   *[many] { $n } платежей с другой суммой
}
overview-today = сегодня
overview-week = за 7 дней
overview-revenue = Выручка
overview-paid = Оплачено счетов
overview-users = Новых пользователей
overview-waiting = Ждут ответа
overview-sent = Отправлено за 7 дней
overview-failed = не доставлено
overview-unknown = неизвестно
overview-cancelled = отменено
overview-chart = Выручка по дням
overview-no-sales = За две недели продаж не было.
overview-unknown-refunds = { $n ->
    [one] { $n } возврат без ответа
    [few] { $n } возврата без ответа
   *[many] { $n } возвратов без ответа
}
overview-sold-out = { $n ->
    [one] { $n } товар без ключей
    [few] { $n } товара без ключей
   *[many] { $n } товаров без ключей
}

payments-status = Состояние
payments-all = Все
payments-refund-unknown = возврат без ответа
payment-title = Счёт
payment-cause = Причина
payment-mode = Режим
payment-right = Что получено
payment-no-right = Пока ничего не выдано.
payment-heard = Что сообщил бот
payment-instead-of = вместо
payment-promo = Промокод
payment-received = Поступило
payment-refunded = Возвращено
payment-reserved = Возвращается
payment-refunds = Возвраты
payment-decide = Решения
right-from = С
right-until = До
right-forever = бессрочно
right-revoked = отозвано

users-search = Номер, имя или @username
user-blocked = заблокирован
user-unreachable = недоступен
user-fine = доступен
user-reason = Ответ Telegram
user-started = Нажал «Старт»
user-payload = Откуда пришёл
user-rights = Что куплено
user-heard = События
user-decide = Учётная запись
user-block = Заблокировать
user-unblock = Разблокировать
user-block-note = Заблокированному бот отвечает только отказом; купленное остаётся.
user-balance = Изменить баланс
user-balance-amount = Сколько добавить, ₽ (со знаком − убавить)
user-balance-note = Правка попадает в книгу операций с именем и причиной.

messages-open = Ждут ответа
messages-all = Все
message-open-it = Открыть
message-answer = Ответ
message-send = Отправить
message-close = Закрыть без ответа
message-talk = Переписка
message-no-text = без текста (фото, файл, стикер…)
message-wrong-length = В ответе должно быть от 1 до { $n } знаков.

products-add = Новый товар
products-none = Товаров ещё нет.
product-on-sale = в продаже
product-archived = в архиве
product-archived-note = Товар в архиве: купить его нельзя, купленное остаётся.
product-archive = В архив
product-restore = Вернуть
product-title = Название
product-description = Описание
product-price = Цена, ₽
product-position = Место в меню (меньше — выше)
product-delivery = Что получает покупатель
product-text = Текст сообщения
product-chat = Номер чата или канала
product-days = На сколько дней (пусто — бессрочно)
product-url = Адрес файла
product-caption = Подпись
product-save = Сохранить
product-key-text = Текст сообщения; {"{key}"} — место ключа
product-low-stock = Предупредить, когда останется ключей
product-receipt = Чек (54-ФЗ)
product-tax = НДС
product-object = Предмет расчёта
product-method = Способ расчёта
product-as-in-shop = как в магазине Robokassa

wrong-title-empty = Укажите название.
wrong-title-long = Название длиннее 100 знаков.
wrong-title-lines = Название должно быть в одну строку.
wrong-description-long = Описание длиннее 3000 знаков.
wrong-price-unreadable = Цена — это рубли, например 299 или 299,50.
wrong-price-range = Цена должна быть больше нуля и не больше 1 000 000 ₽.
wrong-position = Место в меню — целое число.
wrong-delivery-kind = Выберите, что получает покупатель.
wrong-text-empty = Напишите текст, который получит покупатель.
wrong-text-long = Текст не помещается в одно сообщение (4096 знаков).
wrong-chat = Номер чата или канала — отрицательное число, например -1001234567890.
wrong-days = Срок — от 1 до 3650 дней, или пусто.
wrong-file-url = Адрес файла должен начинаться с http:// или https://.
wrong-caption-long = Подпись длиннее 1024 знаков.
wrong-stale = Пока вы правили, товар изменил кто-то другой. Откройте его заново.
wrong-decision-now = В этом состоянии так сделать нельзя: обновите страницу.
wrong-decision-amount = Сумма — больше нуля и не больше, чем
wrong-reason = Напишите причину, не длиннее { $n } знаков.
wrong-balance = Сумма — рубли, не ноль, не больше 1 000 000 в ту или другую сторону.
wrong-keys-none = Вставьте хотя бы один ключ.
wrong-keys-many = Слишком много ключей: за раз не больше { $n }.
wrong-keys-line = Ключ в строке { $n } длиннее 500 знаков или содержит странные знаки. Ничего не отправлено.
wrong-key-text-long = Текст вокруг ключа длиннее 3000 знаков.
wrong-key-places = Место ключа {"{key}"} может стоять в тексте один раз.
wrong-low-stock = Порог — целое число от 1, или пусто.
wrong-receipt-word = Выберите НДС, предмет и способ расчёта из списка.
wrong-promo-code = Код — от 2 до 32 букв, цифр, знаков - и _.
wrong-promo-off = Выберите: проценты или сумма.
wrong-promo-percent = Процент — целое число от 1 до 100.
wrong-promo-amount = Скидка — рубли, больше нуля и не больше 1 000 000.
wrong-promo-limit = Сколько раз — от 1 до 1 000 000, или пусто.
wrong-promo-time = Время не читается.
wrong-promo-period = Конец срока должен быть позже начала.
wrong-promo-exists = Такой промокод уже есть.
wrong-promo-stale = Пока вы правили, промокод изменил кто-то другой. Откройте его заново.
wrong-login = Логин — от 2 до 64 букв, цифр и знаков . _ - @.
wrong-login-taken = Такой логин уже есть.

col-invoice = Счёт
col-user = Пользователь
col-product = Товар
col-amount = Сумма
col-price = Цена
col-status = Состояние
col-made = Создано
col-paid = Оплачено
col-version = Версия
col-id = Номер
col-name = Имя
col-username = Username
col-language = Язык
col-since = С нами с
col-when = Когда
col-text = Текст
col-source = Откуда
col-delivery = Выдача
col-position = Место
col-changed = Изменено
col-task = Задача
col-worker = Исполнитель
col-asked = Кто просил
col-outcome = Итог
col-staff = Кто
col-deed = Что сделал
col-object = Над чем
col-detail = Подробности

status-created = создан
status-pending = ожидает оплаты
status-paid = оплачен
status-mismatch = другая сумма
status-expired = срок вышел
status-cancelled = отменён
status-refunding = возвращается
status-refunded = возвращён
status-partly-refunded = возвращён частично
routing-waiting = выдаётся
routing-delivered = выдан
routing-held = не выдан
mode-live = боевой
mode-test = тестовый
role-owner = владелец
role-manager = менеджер
role-support = поддержка
message-open = ждёт ответа
message-answered = закрыто
message-sent = ответ
source-telegram = чат
source-cabinet = кабинет
source-staff = сотрудник
task-started = идёт
task-done = готово
task-failed = не вышло
event-payment-routed = выдано
event-payment-refused = бот не поверил платежу
event-message-failed = сообщение не доставлено
event-user-unreachable = написать нельзя
deed-signed-in = вошёл
deed-signed-out = вышел
deed-password-changed = сменил пароль
deed-product-created = добавил товар
deed-product-changed = изменил товар
deed-product-archived = убрал товар в архив
deed-product-restored = вернул товар
deed-message-answered = ответил на сообщение
deed-message-closed = закрыл сообщение
deed-staff-created = добавил сотрудника
deed-keys-uploaded = добавил ключи
deed-promo-created = добавил промокод
deed-promo-changed = изменил промокод
deed-payment-check-requested = спросил Robokassa
deed-mismatch-accepted = принял другую сумму
deed-mismatch-rejected = не принял другую сумму
deed-refund-requested = вернул деньги
deed-refund-recorded = записал возврат
deed-refund-resolved-done = подтвердил возврат
deed-refund-resolved-not-done = снял возврат
deed-delivery-retry-requested = выдал ещё раз
deed-delivered-by-hand = выдал вручную
deed-user-blocked = заблокировал
deed-user-unblocked = разблокировал
deed-balance-adjusted = изменил баланс
deed-staff-disabled = отключил сотрудника
deed-staff-enabled = включил сотрудника
deed-staff-password-reset = выдал новый пароль
object-product = товар
object-message = сообщение
object-staff = сотрудник
object-payment = счёт
object-user = пользователь
object-promo = промокод
language-ru = русский
language-en = английский
delivery-text = Текст
delivery-invite-link = Ссылка в закрытый чат
delivery-file = Файл по ссылке
delivery-key = Ключ со склада

asked-lk = Передано в личный кабинет. Состояние обновится, как только он ответит.

decision-reason = Причина
decision-how = Откуда это известно

decide-check = Спросить Robokassa сейчас
decide-check-note = Если оплата прошла, а уведомление потерялось, счёт станет оплаченным.
decide-accept = Принять сумму и выдать товар
decide-reject = Не принимать
decide-mismatch-note = Пришла другая сумма. Не принятую можно вернуть.
decide-deliver = Выдать ещё раз
decide-by-hand = Уже выдано вручную
decide-deliver-note = Оплачено, но покупатель ещё ничего не получил.
decide-refund = Вернуть деньги…
decide-refund-recorded = Уже возвращено в кабинете Robokassa…
decide-refund-amount = Сколько вернуть, ₽
decide-refund-note = Возврат всей суммы отзывает доступ.
decide-refund-done = Деньги вернулись
decide-refund-not-done = Не вернулись

confirm-refund = Вернуть деньги?
confirm-refund-recorded = Записать возврат, сделанный в кабинете Robokassa?
confirm-amount = Вернуть
confirm-yes = Да, подтверждаю
confirm-no = Не надо

stock-title = Ключи на складе
stock-free = Свободно
stock-given = Выдано
stock-waiting = Ждут ключа (оплачено)
stock-sold-out = ключи закончились
stock-low = осталось мало
stock-keys = Новые ключи, по одному в строке
stock-note = За раз — не больше { $n }. Повторы пропускаются. Показать ключи снова нельзя.
stock-add = Добавить ключи
stock-sent = Отправлено ключей: { $n }. Остаток обновится сам.

promos-add = Новый промокод
promos-none = Промокодов ещё нет.

promo-code = Код
promo-off = Скидка
promo-used = Использован
promo-period = Срок
promo-by-percent = Проценты
promo-by-amount = Сумма
promo-percent = Сколько процентов (100 — бесплатно)
promo-amount = Сколько рублей
promo-starts = Действует с
promo-ends = Действует до
promo-limit = Сколько раз всего (пусто — сколько угодно)
promo-once = Один раз на человека
promo-once-short = раз на человека
promo-active = Действует
promo-taken = действует
promo-not-taken = не действует

staff-role = Роль
staff-add = Добавить сотрудника
staff-note = Одноразовый пароль появится на этой странице один раз: передайте его человеку.
staff-password-once = Одноразовый пароль. Больше он показан не будет:
staff-in = может войти
staff-disabled = отключён
staff-one-time = одноразовый пароль
staff-reset = Новый пароль
staff-disable = Отключить
staff-enable = Включить

refund-reserved = готовится
refund-calling = отправляется
refund-requested = выполняется
refund-unknown = нет ответа
refund-done = возвращено
refund-refused = отказано

tax-none = без НДС
tax-vat0 = 0 %
tax-vat5 = 5 %
tax-vat7 = 7 %
tax-vat10 = 10 %
tax-vat20 = 20 %
tax-vat22 = 22 %
tax-vat105 = 5/105
tax-vat107 = 7/107
tax-vat110 = 10/110
tax-vat120 = 20/120
tax-vat122 = 22/122

paid-full-prepayment = предоплата 100 %
paid-prepayment = предоплата
paid-advance = аванс
paid-full-payment = полный расчёт
paid-partial-payment = частичный расчёт и кредит
paid-credit = передача в кредит
paid-credit-payment = оплата кредита

sold-commodity = товар
sold-excise = подакцизный товар
sold-job = работа
sold-service = услуга
sold-gambling-bet = ставка
sold-gambling-prize = выигрыш ставки
sold-lottery = лотерейный билет
sold-lottery-prize = выигрыш лотереи
sold-intellectual-activity = результаты интеллектуальной деятельности
sold-payment = платёж
sold-agent-commission = агентское вознаграждение
sold-composite = составной предмет
sold-resort-fee = курортный сбор
sold-another = иное
sold-property-right = имущественное право
sold-non-operating-gain = внереализационный доход
sold-insurance-premium = страховой взнос
sold-sales-tax = торговый сбор
sold-tovar-mark = маркированный товар

chats-title = Чаты бота
chats-words = Сделайте бота администратором канала или группы, и чат появится здесь. Чтобы продавать доступ, боту нужны два права: приглашать по ссылкам и удалять участников.
chats-link = Чаты бота
chats-chat = Чат
chats-number = Номер
chats-kind = Вид
chats-rights = Права бота
chats-ready = можно продавать доступ
chats-no-admin = бот больше не администратор
chats-no-invite = нет права приглашать
chats-no-restrict = нет права удалять участников
chat-channel = канал
chat-group = группа
deed-shop-closed = закрыл магазин
deed-shop-opened = открыл магазин
object-shop = магазин

message-file = Файл или фото (необязательно, до 50 МБ)
message-wrong-caption = В ответе с файлом должно быть не больше { $n } знаков.
file-empty = Файл пуст.
file-long = Файл больше { $n } МБ.
file-size = { $n } КБ
file-missing = файл не сохранён:

age-minutes = { $n } мин
age-hours = { $n } ч
age-days = { $n } дн.
col-age = Возраст
user-city = Город
payment-jobs = Задачи по счёту
task-silent = нет ответа
task-retry = Повторить
task-sent = Задача выдана исполнителям ещё раз.
kind-deliver-webhook = вызов другой системы
kind-reverse-geocode = поиск города
deed-task-retried = повторил задачу
object-task = задача

delivery-stored-file = Свой файл
delivery-webhook = Заказ в другой системе (webhook)
product-own-file = Файл, до { $n } МБ
product-kept-file = Сейчас выдаётся
product-other-file = Заменить другим файлом
product-webhook-url = Адрес, который вызвать после оплаты
product-webhook-text = Что сразу прочитает покупатель (пусто — стандартная строка)
wrong-stored-file = Выберите файл, который получит покупатель.
wrong-webhook-url = Адрес вызова должен начинаться с http:// или https://.
chats-no-rights = не хватает прав

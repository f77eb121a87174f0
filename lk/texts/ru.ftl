# Страницы личного кабинета.
brand = Личный кабинет
to-the-bot = Вернуться в чат с ботом
to-the-payment = К странице платежа

home-title = Личный кабинет
home-text = Счета и покупки открываются по ссылкам из чата с ботом. Чтобы войти в кабинет, отправьте боту команду /cabinet.
not-found-title = Страница не найдена
not-found-text = Проверьте ссылку: возможно, она скопирована не целиком. Новый счёт можно получить в чате с ботом.
unavailable-title = Сейчас не получается
unavailable-text = Мы уже разбираемся. Обновите страницу через минуту: с вашими платежами ничего не случится.

pay-title = Оплата
pay-number = Счёт № { $number }
pay-button = Оплатить { $amount }
pay-promo = Промокод { $code }
pay-hint = Оплата проходит на защищённой странице Robokassa. Данные карты мы не видим.
pay-test = Тестовый платёж: деньги не списываются.

state-open = Ожидает оплаты
detail-open = После оплаты покупка придёт в чат с ботом.
state-confirming = Подтверждаем оплату
detail-confirming = Обычно это занимает несколько секунд. Страница обновится сама, а покупка придёт в чат с ботом.
state-paid = Оплачено
detail-waiting = Отправляем покупку в чат с ботом…
detail-delivered = Покупка уже в чате с ботом.
detail-held = Выдать покупку пока не получилось, мы уже разбираемся. Деньги не потеряны.
state-expired = Срок оплаты истёк
detail-expired = Чтобы купить, получите новый счёт в чате с ботом. Если вы уже заплатили, платёж всё равно будет принят.
state-cancelled = Счёт отменён
state-mismatch = Поступила другая сумма
detail-mismatch = Сумма платежа отличается от суммы счёта. Мы проверим платёж и напишем вам.
state-refunding = Возвращаем деньги
state-refunded = Деньги возвращены
state-partly-refunded = Часть денег возвращена
detail-refund = Срок зачисления зависит от вашего банка.

success-title = Спасибо!
success-text = Как только платёж подтвердится, покупка придёт в чат с ботом.
fail-title = Оплата не завершена
fail-text = Деньги не списаны. Можно попробовать ещё раз или выбрать другой способ оплаты.
fail-again = Вернуться к оплате

sign-in-title = Вход в личный кабинет
sign-in-text = Вы входите как { $name }.
sign-in-button = Войти
sign-in-hint = Ссылка работает один раз. Никому её не передавайте: по ней открываются ваши платежи.
link-gone-title = Ссылка не работает
link-gone-text = Ссылка уже использована, устарела или заменена новой. Отправьте боту команду /cabinet, и он пришлёт другую.
link-malformed-text = Похоже, ссылка скопирована не целиком. Отправьте боту команду /cabinet, и он пришлёт другую.

cabinet-title = Личный кабинет
cabinet-language = Язык: русский. Сменить его можно в чате с ботом.
cabinet-payments = Платежи
cabinet-no-payments = Платежей пока нет.
cabinet-rights = Покупки и подписки
cabinet-no-rights = Покупок пока нет.
cabinet-newest = { $count ->
    [one] Показана { $count } последняя запись.
    [few] Показаны { $count } последние записи.
   *[other] Показаны { $count } последних записей.
 }
cabinet-made-at = Счёт от { $date }
cabinet-paid-at = Оплачено { $date }
cabinet-received = Поступило { $amount }
cabinet-refunded = Возвращено { $amount } ({ $date })
cabinet-refunding = Возвращаем { $amount } (с { $date })
right-until = До { $end }
right-begins = С { $start } до { $end }
right-forever = Бессрочно
right-ended = Закончилось { $end }
right-revoked = Больше не действует
cabinet-sign-out = Выйти
cabinet-sign-out-everywhere = Выйти на всех устройствах
cabinet-closed-title = Вы не вошли
cabinet-closed-text = Отправьте боту команду /cabinet: он пришлёт ссылку для входа.
cabinet-blocked-title = Доступ закрыт
cabinet-blocked-text = Ваш доступ к кабинету закрыт. Если это ошибка, напишите в поддержку.
cabinet-foreign-title = Запрос не принят
cabinet-foreign-text = Запрос пришёл с другого сайта. Откройте кабинет и повторите.

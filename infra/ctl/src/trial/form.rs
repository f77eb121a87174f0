//! Finds the forms of an HTML page, as a browser would send them. It takes what pages really look like: any letter
//! case, any quotes, comments, scripts, character references.

use reqwest::Method;

/// A form with what it would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where to, relative to the page; empty is the page itself.
    pub(crate) action: String,
    pub(crate) method: Method,
    /// The fields that are sent without anybody typing or choosing.
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The forms of a page, in order.
pub(crate) fn forms(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    let mut open: Option<Form> = None;
    let mut rest = html;
    while let Some(tag) = next_tag(&mut rest) {
        match tag.name.as_str() {
            "form" => {
                forms.extend(
                    open.replace(Form {
                        action: tag
                            .attribute("action")
                            .unwrap_or_default()
                            .trim()
                            .to_owned(),
                        method: match tag.attribute("method") {
                            Some(word) if word.trim().eq_ignore_ascii_case("post") => Method::POST,
                            _ => Method::GET,
                        },
                        fields: Vec::new(),
                    }),
                );
            }
            "/form" => forms.extend(open.take()),
            "input" => {
                if let (Some(form), Some(field)) = (open.as_mut(), field(&tag)) {
                    form.fields.push(field);
                }
            }
            // Their content is not markup.
            "script" | "style" | "textarea" | "title" => {
                let end = find_ignoring_case(rest, &format!("</{}", tag.name));
                rest = &rest[end.unwrap_or(rest.len())..];
            }
            _ => {}
        }
    }
    forms.extend(open);
    forms
}

fn field(input: &Tag) -> Option<(String, String)> {
    let kind = input
        .attribute("type")
        .unwrap_or("text")
        .to_ascii_lowercase();
    let sent = match kind.as_str() {
        "submit" | "button" | "image" | "reset" | "file" => false,
        "checkbox" | "radio" => input.attribute("checked").is_some(),
        _ => true,
    };
    let name = input.attribute("name").filter(|name| !name.is_empty())?;
    if !sent || input.attribute("disabled").is_some() {
        return None;
    }
    let unset = if kind == "checkbox" { "on" } else { "" };
    let value = input.attribute("value").unwrap_or(unset);
    Some((name.to_owned(), value.to_owned()))
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Takes the next tag off the front; comments are passed over.
fn next_tag(rest: &mut &str) -> Option<Tag> {
    loop {
        let from = &rest[rest.find('<')?..];
        if let Some(comment) = from.strip_prefix("<!--") {
            *rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let inside = &from[1..];
        let slash = usize::from(inside.starts_with('/'));
        let length = inside[slash..]
            .find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')
            .map_or(inside.len(), |end| end + slash);
        let name = inside[..length].to_ascii_lowercase();
        if !name
            .trim_start_matches('/')
            .starts_with(|c: char| c.is_ascii_alphabetic())
        {
            *rest = inside;
            continue;
        }
        *rest = &inside[length..];
        let attributes = attributes(rest);
        return Some(Tag { name, attributes });
    }
}

/// Takes the attributes and the end of a tag off the front. Of a repeated attribute the first counts, as in browsers.
fn attributes(rest: &mut &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        *rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return found;
        }
        if let Some(after) = rest.strip_prefix('>') {
            *rest = after;
            return found;
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
            .unwrap_or(rest.len())
            // A stray `=` begins a name.
            .max(rest.chars().next().map_or(0, char::len_utf8));
        let name = rest[..end].to_ascii_lowercase();
        *rest = &rest[end..];
        let value = value(rest);
        found.push((name, decode(&value)));
    }
}

/// Takes `= value` off the front, if it is there.
fn value(rest: &mut &str) -> String {
    let Some(after) = rest.trim_ascii_start().strip_prefix('=') else {
        return String::new();
    };
    let after = after.trim_ascii_start();
    let (value, left) = match after.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inside = &after[1..];
            inside.split_once(quote).unwrap_or((inside, ""))
        }
        _ => {
            let end = after
                .find(|c: char| c.is_ascii_whitespace() || c == '>')
                .unwrap_or(after.len());
            after.split_at(end)
        }
    };
    *rest = left;
    value.to_owned()
}

/// Replaces character references; what is none stays as it is.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((character, length)) => {
                decoded.push(character);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// The character that a reference at the front stands for, and the reference's length.
fn reference(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = &text[1..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, end + 1))
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes()
        .windows(wanted.len())
        .position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(form: &Form) -> Vec<(&str, &str)> {
        form.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn a_payment_form_is_found_with_its_hidden_fields() {
        let html = r#"<!DOCTYPE html><html><head><title>Счёт</title></head><body>
            <form class="pay" method="post" action="https://auth.robokassa.ru/Merchant/Index.aspx" accept-charset="utf-8">
              <input type="hidden" name="MerchantLogin" value="geobot-demo">
              <input type="hidden" name="OutSum" value="299.00"/>
              <input type="hidden" name="InvId" value="123">
              <input type="hidden" name="Receipt" value="%7B%22items%22%3A%5B%5D%7D">
              <button type="submit">Оплатить</button>
            </form></body></html>"#;
        let found = forms(html);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].method, Method::POST);
        assert_eq!(
            found[0].action,
            "https://auth.robokassa.ru/Merchant/Index.aspx"
        );
        assert_eq!(found[0].field("InvId"), Some("123"));
        assert_eq!(found[0].fields.len(), 4);
    }

    #[test]
    fn quotes_letter_case_and_order_do_not_matter() {
        let html = "<FORM ACTION='/a?b=1' Method=POST\n><INPUT value=\"x > y\" NAME=one TYPE=hidden><input name='two'value=''><input name=three></Form>";
        let found = forms(html);
        assert_eq!(found[0].action, "/a?b=1");
        assert_eq!(found[0].method, Method::POST);
        assert_eq!(
            fields(&found[0]),
            [("one", "x > y"), ("two", ""), ("three", "")]
        );
    }

    #[test]
    fn character_references_are_decoded_once() {
        let html = "<form action='/p?a=1&amp;b=2'><input name=d value='&quot;&#1043;&#x438;&#x27;&amp;lt;&unknown;&'></form>";
        let found = forms(html);
        assert_eq!(found[0].action, "/p?a=1&b=2");
        assert_eq!(found[0].field("d"), Some("\"Ги'&lt;&unknown;&"));
    }

    #[test]
    fn comments_scripts_and_buttons_are_passed_over() {
        let html = r#"<!-- <form action="/wrong"><input name=a></form> -->
            <script>document.write("<form action='/wrong2'>")</script>
            <form action="/right"><input type="submit" name="s" value="1"><input type=checkbox name=c>
            <input type=checkbox name=d checked><input name=off disabled value=1></form>"#;
        let found = forms(html);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].action, "/right");
        assert_eq!(fields(&found[0]), [("d", "on")]);
    }

    #[test]
    fn inputs_outside_of_forms_belong_to_nobody_and_two_forms_are_two() {
        let html = "<input name=a value=1><form action=/one><input name=b></form><input name=c><form action=/two><input name=d>";
        let found = forms(html);
        assert_eq!(found.len(), 2);
        assert_eq!(fields(&found[0]), [("b", "")]);
        assert_eq!(fields(&found[1]), [("d", "")]);
    }

    #[test]
    fn broken_pages_are_no_crash() {
        for html in [
            "",
            "<",
            "<>",
            "</",
            "<!--",
            "<form",
            "<form action",
            "<form action=",
            "<form action='",
            "<form =x>",
            "<script>",
            "< form>",
            "<form><input name='ё' value=&#",
            "<a/b=c/>",
            "&#xffffffff;",
            "<form><input name=a value=&#xd800;>",
            "<é>",
            "<form é=é>",
        ] {
            let _ = forms(html);
        }
        let deep = "<form><".repeat(10_000);
        assert!(forms(&deep).len() > 1);
    }
}

//! The macros that write a topic's enum from its list of actions, so that name, enum, reader, writer and contract
//! can't differ.

/// Declares a topic: `topic! { /// docs  pub enum Name, "topic_name", aliases: ["older"], from: [Lk], to: [Arm],
/// { /// docs  "action" => Variant(Fields), … } }`.
///
/// The docs become descriptions in docs/asyncapi.yaml. Each action has a recorded example in
/// `shared/tests/contract/<topic>/<action>.json`.
macro_rules! topic {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident, $topic:literal, aliases: [$($alias:literal),* $(,)?],
        from: [$($writer:ident),+ $(,)?], to: [$($reader:ident),+ $(,)?], {
            $( $(#[doc = $vdoc:literal])* $action:literal => $variant:ident($fields:ty) ),+ $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        pub enum $name {
            $( $(#[doc = $vdoc])* $variant($fields), )+
        }

        impl $crate::topics::Topic for $name {
            const NAME: &'static str = $topic;
            const ALIASES: &'static [&'static str] = &[$($alias),*];
            const ACTIONS: &'static [&'static str] = &[$($action),+];
            const DOC: &'static str = concat!($($doc, "\n"),*);
            const WRITERS: &'static [$crate::topics::Party] = &[$($crate::topics::Party::$writer),+];
            const READERS: &'static [$crate::topics::Party] = &[$($crate::topics::Party::$reader),+];
            const CONTRACT: &'static [$crate::topics::ActionInfo] = &[$(
                $crate::topics::ActionInfo {
                    name: $action,
                    doc: concat!($($vdoc, "\n"),*),
                    key: <$fields as $crate::topics::Keyed>::KEY,
                    reread: $crate::topics::contract::reread::<$name, $fields>,
                    #[cfg(feature = "schema")]
                    schema: schemars::SchemaGenerator::subschema_for::<$fields>,
                    #[cfg(feature = "schema")]
                    example: include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/tests/contract/", $topic, "/", $action, ".json"
                    )),
                }
            ),+];

            fn action(&self) -> &str {
                match self { $( $name::$variant(_) => $action, )+ }
            }

            fn key(&self) -> Option<String> {
                match self { $( $name::$variant(fields) => $crate::topics::Keyed::key(fields), )+ }
            }

            fn message(&self) -> std::borrow::Cow<'_, str> {
                match self { $( $name::$variant(_) => std::borrow::Cow::Borrowed(concat!("It is ", $action)), )+ }
            }

            fn encode(&self) -> Result<Box<serde_json::value::RawValue>, serde_json::Error> {
                match self { $( $name::$variant(fields) => serde_json::value::to_raw_value(fields), )+ }
            }
        }

        $(
            impl $crate::topics::Action<$name> for $fields {
                const NAME: &'static str = $action;

                fn decode(data: &serde_json::value::RawValue) -> Result<Self, serde_json::Error> {
                    serde_json::from_str(data.get())
                }

                fn into_topic(self) -> $name {
                    $name::$variant(self)
                }
            }

            impl From<$fields> for $name {
                fn from(fields: $fields) -> $name {
                    $name::$variant(fields)
                }
            }
        )+
    };
}

/// Says what an action's key is: one of its fields (`Fields => user_id`), nothing (`Fields => none`), or an expression
/// with its meaning in words (`Fields => "`code` in lower case", |it| Some(it.code.to_lowercase())`).
macro_rules! keyed {
    () => {};
    ($fields:ty => none $(, $($rest:tt)*)?) => {
        impl $crate::topics::Keyed for $fields {
            const KEY: Option<&'static str> = None;

            fn key(&self) -> Option<String> {
                None
            }
        }
        $( $crate::topics::define::keyed! { $($rest)* } )?
    };
    ($fields:ty => $field:ident $(, $($rest:tt)*)?) => {
        impl $crate::topics::Keyed for $fields {
            const KEY: Option<&'static str> = Some(concat!("`", stringify!($field), "`"));

            fn key(&self) -> Option<String> {
                Some(self.$field.to_string())
            }
        }
        $( $crate::topics::define::keyed! { $($rest)* } )?
    };
    ($fields:ty => $words:literal, |$this:ident| $key:expr $(, $($rest:tt)*)?) => {
        impl $crate::topics::Keyed for $fields {
            const KEY: Option<&'static str> = Some($words);

            fn key(&self) -> Option<String> {
                let $this = self;
                $key
            }
        }
        $( $crate::topics::define::keyed! { $($rest)* } )?
    };
}

pub(crate) use {keyed, topic};

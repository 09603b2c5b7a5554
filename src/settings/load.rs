//! The layers: compiled-in defaults, a file, short variable names, `SVODKA__` variables. Later wins.

use std::collections::BTreeMap;

use config::{Config, Environment, File, FileFormat};

use super::raw::RawSettings;
use super::{ConfigError, DEFAULT_TOML};

/// Short names, as hosting platforms and the older scripts set them, and the keys they stand for.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("DATABASE_URL", "database.url"),
    ("PORT", "http.port"),
    ("TELEGRAM_BOT_TOKEN", "telegram.token"),
    ("TELEGRAM_CHAT_ID", "chats.managers.id"),
    ("TELEGRAM_OPS_CHAT_ID", "chats.ops.id"),
    ("RETAILCRM_URL", "retailcrm.url"),
    ("RETAILCRM_API_KEY", "retailcrm.api_key"),
    ("RETAILCRM_BOT_URL", "retailcrm.bot_url"),
    ("RETAILCRM_BOT_TOKEN", "retailcrm.bot_token"),
    ("BOT_EVENTS_URL", "bot.url"),
    ("LLM_LOG_PATH", "llm.path"),
    ("LLM_PUSH_TOKEN", "llm.push_token"),
    ("LANGFUSE_HOST", "llm.langfuse.url"),
    ("LANGFUSE_PUBLIC_KEY", "llm.langfuse.public_key"),
    ("LANGFUSE_SECRET_KEY", "llm.langfuse.secret_key"),
];

/// Reads all layers. A variable that is set to the empty string counts as not set.
pub(super) fn read(environment: &BTreeMap<String, String>) -> Result<RawSettings, ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULT_TOML, FileFormat::Toml));
    if let Some(path) = environment.get("SVODKA_CONFIG").filter(|path| !path.is_empty()) {
        if !std::path::Path::new(path).is_file() {
            return Err(ConfigError::one(format!(
                "SVODKA_CONFIG: there is no file `{path}`; correct the path or unset the variable"
            )));
        }
        builder = builder.add_source(File::new(path, FileFormat::Toml));
    }
    for (variable, key) in SHORT_NAMES {
        if let Some(value) = environment.get(*variable).filter(|value| !value.is_empty()) {
            builder = builder
                .set_override(*key, value.as_str())
                .map_err(|error| ConfigError::one(format!("{variable}: {error}")))?;
        }
    }
    // `set_override` beats every source, so the short name steps back where the long one is set.
    for (variable, value) in long_names(environment) {
        let key = variable["SVODKA__".len()..].to_lowercase().replace("__", ".");
        if SHORT_NAMES.iter().any(|(_, short_key)| *short_key == key) {
            builder = builder
                .set_override(&key, value)
                .map_err(|error| ConfigError::one(format!("{variable}: {error}")))?;
        }
    }
    let source = long_names(environment)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect::<std::collections::HashMap<_, _>>();
    let variables =
        Environment::with_prefix("SVODKA").prefix_separator("__").separator("__").source(Some(source));
    builder
        .add_source(variables)
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| ConfigError::one(explain(&error.to_string())))
}

/// The `SVODKA__` variables that are set to something.
fn long_names(environment: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    environment
        .iter()
        .filter(|(name, value)| name.starts_with("SVODKA__") && !value.is_empty())
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Adds the fix to what the deserialiser says. Its messages name the key's path already.
fn explain(message: &str) -> String {
    let fix = if message.contains("unknown field") {
        "; correct the name or remove it (the reference is config/default.toml)"
    } else if message.contains("unknown variant") {
        "; use one of these words"
    } else {
        ""
    };
    format!("{message}{fix}")
}

//! Parameters in a statement. `?` is numbered: the n-th one is `$n`.

use std::sync::Arc;

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// More parameters than any statement needs: a number beyond it asks for memory, not for values.
const MOST: usize = 10_000;

/// Gives every `?` its number. Answers the token at which `?` meets another way to write parameters.
pub(super) fn number(tokens: &mut [TokenWithSpan]) -> Result<(), TokenWithSpan> {
    let mut count = 0;
    let mut other = None;
    for token in tokens.iter_mut() {
        match &mut token.token {
            Token::Placeholder(name) if name == "?" => {
                count += 1;
                *name = format!("${count}");
            }
            Token::Placeholder(_) => other = Some(token.clone()),
            _ => {}
        }
    }
    match other {
        Some(token) if count > 0 => Err(token),
        _ => Ok(()),
    }
}

/// The parameters that stand in `tokens`, without the dollar sign. Answers the token that does not go with the others.
pub(super) fn names(tokens: &[TokenWithSpan]) -> Result<Vec<Arc<str>>, TokenWithSpan> {
    let mut named: Vec<Arc<str>> = Vec::new();
    let mut highest = 0;
    for token in tokens {
        let Token::Placeholder(id) = &token.token else { continue };
        let name = id.trim_start_matches('$');
        match name.parse::<usize>() {
            Ok(number) if number == 0 || number > MOST || !named.is_empty() => return Err(token.clone()),
            Ok(number) => highest = highest.max(number),
            Err(_) if highest > 0 || !id.starts_with('$') || name.is_empty() => return Err(token.clone()),
            Err(_) if named.iter().any(|known| **known == *name) => {}
            Err(_) => named.push(name.into()),
        }
    }
    if highest > 0 {
        named = (1..=highest).map(|number| number.to_string().into()).collect();
    }
    Ok(named)
}

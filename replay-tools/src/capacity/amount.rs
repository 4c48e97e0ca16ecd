//! Amounts as people write them: `10M`, `2G`, `1.5k`, `300`.

use std::fmt;
use std::str::FromStr;

/// The letters, with what each multiplies by; largest first.
const LETTERS: [(char, f64); 4] = [('T', 1e12), ('G', 1e9), ('M', 1e6), ('k', 1e3)];

/// A number that is not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount(pub f64);

impl FromStr for Amount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letter = LETTERS.iter().find(|(letter, _)| text.ends_with(|last: char| last.eq_ignore_ascii_case(letter)));
        let (digits, factor) = match letter {
            Some((_, factor)) => (text.get(..text.len() - 1).unwrap_or_default(), *factor),
            None => (text, 1.0),
        };
        match digits.replace(['_', ','], "").parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Self(number * factor)),
            _ => Err(format!("{text} is no amount: write 300, 1.5k, 10M, 2G or 1T")),
        }
    }
}

/// Three digits, and a letter where one is needed.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = LETTERS.iter().find(|(_, factor)| self.0 >= *factor);
        let (number, letter) = letter.map_or((self.0, String::new()), |(letter, factor)| (self.0 / factor, letter.to_string()));
        let decimals = match number {
            number if number.fract() == 0.0 || number >= 100.0 => 0,
            number if number >= 10.0 => 1,
            _ => 2,
        };
        write!(f, "{number:.decimals$}{letter}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown() {
        let check = |text: &str, number: f64, shown: &str| {
            let amount: Amount = text.parse().unwrap();
            assert!((amount.0 - number).abs() < 1e-6 * number.max(1.0), "{text}: {amount:?}");
            assert_eq!(amount.to_string(), shown, "{text}");
        };
        check("300", 300.0, "300");
        check("10M", 10e6, "10M");
        check("2g", 2e9, "2G");
        check("1.5k", 1_500.0, "1.50k");
        check("1_234_567", 1_234_567.0, "1.23M");
        check("0.25", 0.25, "0.25");
        for wrong in ["", "M", "-1", "ten", "1e999", "µ"] {
            assert!(wrong.parse::<Amount>().is_err(), "{wrong}");
        }
    }
}

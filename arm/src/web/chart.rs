//! The bar chart of the overview, drawn on the server.

use geobot_shared::i18n::{Language, rubles};

use crate::store::sales::DaySales;

/// Width of the drawing, in its own units.
pub(crate) const WIDTH: i64 = 700;
/// Height of the drawing with its labels.
pub(crate) const HEIGHT: i64 = 190;
const TOP: i64 = 22;
const BASE: i64 = 165;
const LEFT: i64 = 4;

/// One day.
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// Middle of the bar, for its label.
    pub(crate) middle: i64,
    pub(crate) day: String,
    /// What the bar says when pointed at, and to a screen reader.
    pub(crate) words: String,
    pub(crate) is_today: bool,
}

/// The drawing.
pub(crate) struct Chart {
    pub(crate) bars: Vec<Bar>,
    /// What the highest bar stands for.
    pub(crate) top: String,
    pub(crate) is_empty: bool,
}

impl Chart {
    pub(crate) const WIDTH: i64 = WIDTH;
    pub(crate) const HEIGHT: i64 = HEIGHT;
    pub(crate) const BASE: i64 = BASE;
    pub(crate) const TOP: i64 = TOP;

    /// Draws days, the oldest first.
    pub(crate) fn new(days: &[DaySales], language: Language) -> Chart {
        let highest = days.iter().map(|d| d.revenue).max().unwrap_or_default();
        let count = i64::try_from(days.len()).unwrap_or(1).max(1);
        let step = (WIDTH - 2 * LEFT) / count;
        let bars = (0..count)
            .zip(days)
            .map(|(index, sales)| {
                let height = share(sales.revenue.kopecks(), highest.kopecks());
                let x = LEFT + index * step + step / 8;
                let width = step - step / 4;
                Bar {
                    x,
                    y: BASE - height,
                    width,
                    height,
                    middle: x + width / 2,
                    day: sales.day.format("%d.%m").to_string(),
                    words: format!(
                        "{}: {} ({})",
                        sales.day.format("%d.%m.%Y"),
                        rubles(language, sales.revenue),
                        sales.invoices
                    ),
                    is_today: index == count - 1,
                }
            })
            .collect();
        Chart {
            bars,
            top: rubles(language, highest),
            is_empty: !highest.is_positive(),
        }
    }
}

/// The height of a bar: in proportion, and never invisible when there was something.
fn share(part: i64, whole: i64) -> i64 {
    if part <= 0 || whole <= 0 {
        return 0;
    }
    let height = i128::from(BASE - TOP) * i128::from(part) / i128::from(whole);
    i64::try_from(height).unwrap_or(BASE - TOP).max(2)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use geobot_shared::money::Money;

    use super::*;

    fn day(day: u32, kopecks: i64) -> DaySales {
        DaySales {
            day: NaiveDate::from_ymd_opt(2026, 11, day).unwrap(),
            invoices: 1,
            revenue: Money::from_kopecks(kopecks),
        }
    }

    #[test]
    fn bars_are_in_proportion_and_stay_inside() {
        let chart = Chart::new(
            &[day(1, 0), day(2, 1), day(3, 50_000), day(4, 100_000)],
            Language::En,
        );
        let heights: Vec<i64> = chart.bars.iter().map(|b| b.height).collect();
        assert_eq!(heights, [0, 2, (BASE - TOP) / 2, BASE - TOP]);
        assert!(
            chart
                .bars
                .iter()
                .all(|b| b.x >= 0 && b.x + b.width <= WIDTH && b.y >= TOP)
        );
        assert_eq!(chart.top, "₽1,000");
        assert!(chart.bars[3].is_today);
    }

    #[test]
    fn days_without_sales_are_an_empty_chart() {
        assert!(Chart::new(&[day(1, 0)], Language::Ru).is_empty);
        assert!(Chart::new(&[], Language::Ru).is_empty);
        assert_eq!(share(i64::MAX, i64::MAX), BASE - TOP);
    }
}

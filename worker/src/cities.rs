//! The cities of the world, from GeoNames (those with 1,000 inhabitants or more; CC BY 4.0), as part of the program.
//!
//! In use they take some 50 MB. So they are loaded when the first place is asked for and let go when nobody has asked
//! for a while, both on a thread of their own: an allocator gives back what the thread that took it gives up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reverse_geocoder::{Record, ReverseGeocoder};
use tokio::sync::oneshot;
use tracing::info;

/// A place farther than this from every city is in none, in kilometres.
const NEAR_KM: f64 = 100.0;
const EARTH_RADIUS_KM: f64 = 6_371.0;
/// Kept so long after the last question.
const KEPT: Duration = Duration::from_secs(120);
/// Who asks in the moment in which they are let go asks once more.
const TRIES: usize = 3;

/// The cities could not be loaded.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the cities can't be loaded")]
pub(crate) struct NotLoaded;

/// What is asked, and where the answer goes.
struct Question {
    latitude: f64,
    longitude: f64,
    answer: oneshot::Sender<Option<Record>>,
}

/// The cities, loaded or not.
pub(crate) struct Cities {
    kept: Duration,
    thread: Mutex<Option<Sender<Question>>>,
}

impl Default for Cities {
    fn default() -> Cities {
        Cities::kept_for(KEPT)
    }
}

impl Cities {
    fn kept_for(kept: Duration) -> Cities {
        Cities {
            kept,
            thread: Mutex::default(),
        }
    }

    /// The city next to a place; `None` when none is near.
    ///
    /// # Errors
    /// [`NotLoaded`], when there is no room for a thread.
    pub(crate) async fn nearest(
        &self,
        latitude: f64,
        longitude: f64,
    ) -> Result<Option<Record>, NotLoaded> {
        for _ in 0..TRIES {
            let (answer, answered) = oneshot::channel();
            self.ask(Question {
                latitude,
                longitude,
                answer,
            })?;
            if let Ok(record) = answered.await {
                return Ok(record);
            }
        }
        Err(NotLoaded)
    }

    fn ask(&self, question: Question) -> Result<(), NotLoaded> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let question = match thread.as_ref() {
            Some(there) => match there.send(question) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
            None => question,
        };
        let (sender, questions) = channel();
        let kept = self.kept;
        std::thread::Builder::new()
            .name("cities".to_owned())
            .spawn(move || answer_all(&questions, kept))
            .map_err(|_| NotLoaded)?;
        sender.send(question).map_err(|_| NotLoaded)?;
        *thread = Some(sender);
        Ok(())
    }
}

/// Loads the cities and answers until nobody has asked for so long.
fn answer_all(questions: &Receiver<Question>, kept: Duration) {
    let began = Instant::now();
    let geocoder = ReverseGeocoder::new();
    info!(elapsed_ms = began.elapsed().as_millis(), "cities_loaded");
    while let Ok(question) = questions.recv_timeout(kept) {
        let found = geocoder.search((question.latitude, question.longitude));
        // The crate's distance is the square of the chord on a sphere of radius 1.
        let chord = found.distance.max(0.0).sqrt();
        let kilometres = 2.0 * (chord / 2.0).min(1.0).asin() * EARTH_RADIUS_KM;
        let near = (kilometres <= NEAR_KM).then(|| found.record.clone());
        // Who asked may have gone away.
        let _ = question.answer.send(near);
    }
    drop(geocoder);
    give_back();
    info!("cities_let_go");
}

/// Memory that was freed goes back to the system a moment later, when something large is freed next.
fn give_back() {
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(300));
        drop(std::hint::black_box(Vec::<u8>::with_capacity(64 << 20)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn name(cities: &Cities, latitude: f64, longitude: f64) -> Option<String> {
        let found = cities.nearest(latitude, longitude).await.unwrap();
        found.map(|city| city.name)
    }

    #[tokio::test]
    async fn the_nearest_city_is_found_and_the_sea_has_none() {
        let cities = Cities::default();
        let moscow = name(&cities, 55.7558, 37.6173).await;
        assert_eq!(moscow.as_deref(), Some("Moscow"));
        let petersburg = name(&cities, 59.9386, 30.3141).await;
        assert_eq!(petersburg.as_deref(), Some("Saint Petersburg"));
        let london = name(&cities, 51.5074, -0.1278).await;
        assert_eq!(london.as_deref(), Some("London"));
        // The middle of the Pacific and both poles.
        for (latitude, longitude) in [(0.0, -140.0), (-90.0, 0.0), (90.0, 180.0)] {
            assert_eq!(name(&cities, latitude, longitude).await, None);
        }
        // Fiji lies on the date line.
        let west = name(&cities, -16.8, 179.999).await;
        assert!(west.is_some());
        assert_eq!(west, name(&cities, -16.8, -179.999).await);
    }

    #[tokio::test]
    async fn cities_that_were_let_go_are_loaded_again() {
        let cities = Cities::kept_for(Duration::from_millis(1));
        assert!(name(&cities, 55.7558, 37.6173).await.is_some());
        let is_gone = || {
            let thread = cities.thread.lock().unwrap();
            let (answer, _) = oneshot::channel();
            let question = Question {
                latitude: 0.0,
                longitude: 0.0,
                answer,
            };
            thread.as_ref().unwrap().send(question).is_err()
        };
        let end = Instant::now() + Duration::from_secs(60);
        while !is_gone() {
            assert!(Instant::now() < end, "the thread goes on");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(name(&cities, 55.7558, 37.6173).await.is_some());
    }
}

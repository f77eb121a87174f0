//! `reverse_geocode`: the city of a place. Where somebody is goes into no log.

use geobot_shared::bus::HandleError;
use geobot_shared::topics::states::Task;
use geobot_shared::topics::tasks::{Place, ReverseGeocode};

use super::{End, Outcome, arguments, done};
use crate::App;

/// Looks the place up in the data that is part of the program: nothing leaves the machine.
pub(super) async fn run(app: &App, task: &Task) -> Outcome {
    let job: ReverseGeocode = match arguments(task) {
        Ok(job) => job,
        Err(end) => return Ok(end),
    };
    // A comparison with NaN is false.
    let sensible = job.latitude.abs() <= 90.0 && job.longitude.abs() <= 180.0;
    if !sensible {
        return Ok(End::Failed("there is no such place on Earth".to_owned()));
    }
    let nearest = app.cities.nearest(job.latitude, job.longitude).await;
    let place = nearest
        .map_err(HandleError::transient)?
        .map(|city| Place {
            city: text(city.name),
            region: text(city.admin1),
            country: text(city.cc),
        })
        .unwrap_or(Place {
            city: None,
            region: None,
            country: None,
        });
    done(&place)
}

fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

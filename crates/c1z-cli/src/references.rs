//! The objects that listed rows refer to, looked up once and kept within a bound.
//!
//! An object that the file does not hold is shown as `MISSING RESOURCE (type:id)` and the like,
//! instead of failing the command.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use c1z::engine::types::{EntitlementRef, ResourceRef};
use c1z::engine::{Reader, Scope};
use c1z_proto::connector::v2;
use c1z_proto::schema::Described;

use crate::failure::Failure;
use crate::output::Json;

/// Bytes of rendered JSON that each kind of object may keep per generation; at most two generations
/// live.
const KEPT_BYTES: usize = 6 << 20;

/// What is shown of a referenced object.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its display name, or what is missing.
    pub(crate) name: String,
    /// The short name of an entitlement; empty for others.
    pub(crate) slug: String,
    /// Its JSON.
    pub(crate) json: Vec<u8>,
}

/// Looks up referenced objects of one sync.
pub(crate) struct References<'a> {
    reader: &'a dyn Reader,
    scope: &'a Scope,
    /// Present where JSON is wanted; tables need names only.
    json: Option<Json>,
    types: Kept<String>,
    resources: Kept<ResourceRef>,
    entitlements: Kept<EntitlementRef>,
}

impl<'a> References<'a> {
    pub(crate) fn new(reader: &'a dyn Reader, scope: &'a Scope, render: bool) -> Self {
        Self {
            reader,
            scope,
            json: render.then(Json::new),
            types: Kept::default(),
            resources: Kept::default(),
            entitlements: Kept::default(),
        }
    }

    pub(crate) fn resource_type(&mut self, id: &str) -> Result<Rc<Object>, Failure> {
        let (reader, scope, json) = (self.reader, self.scope, &mut self.json);
        self.types.get_or_load(&id.to_owned(), || {
            let found = absent_as_none(reader.get_resource_type(scope, id), id.is_empty())?;
            let message = found.unwrap_or_else(|| v2::ResourceType {
                id: id.to_owned(),
                display_name: format!("MISSING RESOURCE TYPE ({id})"),
                ..Default::default()
            });
            let json = render(json, &message)?;
            Ok(Object {
                name: message.display_name,
                slug: String::new(),
                json,
            })
        })
    }

    pub(crate) fn resource(&mut self, id: &ResourceRef) -> Result<Rc<Object>, Failure> {
        let (reader, scope, json) = (self.reader, self.scope, &mut self.json);
        self.resources.get_or_load(id, || {
            let incomplete = id.resource.is_empty() || id.resource_type.is_empty();
            let found = absent_as_none(reader.get_resource(scope, id), incomplete)?;
            let message = found.unwrap_or_else(|| missing_resource(id));
            let json = render(json, &message)?;
            Ok(Object {
                name: message.display_name,
                slug: String::new(),
                json,
            })
        })
    }

    pub(crate) fn entitlement(&mut self, id: &EntitlementRef) -> Result<Rc<Object>, Failure> {
        let (reader, scope, json) = (self.reader, self.scope, &mut self.json);
        self.entitlements.get_or_load(id, || {
            let found = entitlement(reader, scope, id)?;
            let message = found.unwrap_or_else(|| v2::Entitlement {
                id: id.id.clone(),
                display_name: format!("MISSING ENTITLEMENT ({})", id.id),
                ..Default::default()
            });
            let json = render(json, &message)?;
            Ok(Object {
                name: message.display_name,
                slug: message.slug,
                json,
            })
        })
    }
}

/// The entitlement that a grant names: the one on the resource that it names too, else the only one
/// of that id. v1 files tell entitlements apart by their ids alone, and hold what the last one with
/// the id said of its resource.
fn entitlement(
    reader: &dyn Reader,
    scope: &Scope,
    id: &EntitlementRef,
) -> Result<Option<v2::Entitlement>, Failure> {
    let is_complete = |on: &ResourceRef| !on.resource.is_empty() && !on.resource_type.is_empty();
    if id.resource.as_ref().is_some_and(is_complete) {
        let found = absent_as_none(reader.get_entitlement(scope, id), id.id.is_empty())?;
        if found.is_some() {
            return Ok(found);
        }
    }
    match reader.get_entitlement(scope, &EntitlementRef::bare(id.id.as_str())) {
        Err(error) if error.kind() == c1z::ErrorKind::Ambiguous => Ok(None),
        found => absent_as_none(found, id.id.is_empty()),
    }
}

fn render<M: Described>(json: &mut Option<Json>, message: &M) -> Result<Vec<u8>, Failure> {
    json.as_mut()
        .map_or_else(|| Ok(Vec::new()), |json| json.render(message))
}

/// The id of a resource.
pub(crate) fn id_of(resource: &v2::Resource) -> ResourceRef {
    ResourceRef::new(
        resource.id.resource_type.clone(),
        resource.id.resource.clone(),
    )
}

/// The resource of an entitlement.
pub(crate) fn resource_of(entitlement: &v2::Entitlement) -> ResourceRef {
    id_of(&entitlement.resource)
}

/// What stands for a resource that the file does not hold.
pub(crate) fn missing_resource(id: &ResourceRef) -> v2::Resource {
    v2::Resource {
        id: v2::ResourceId {
            resource_type: id.resource_type.clone(),
            resource: id.resource.clone(),
            ..Default::default()
        }
        .into(),
        display_name: format!("MISSING RESOURCE ({id})"),
        ..Default::default()
    }
}

/// A reference that names nothing complete cannot be looked up: it is missing too.
fn absent_as_none<T>(found: c1z::Result<T>, incomplete: bool) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == c1z::ErrorKind::NotFound || incomplete => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Two generations of objects: a full one pushes the older one out.
struct Kept<K> {
    young: HashMap<K, Rc<Object>>,
    young_bytes: usize,
    old: HashMap<K, Rc<Object>>,
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            young_bytes: 0,
            old: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> Kept<K> {
    fn get_or_load(
        &mut self,
        key: &K,
        load: impl FnOnce() -> Result<Object, Failure>,
    ) -> Result<Rc<Object>, Failure> {
        if let Some(object) = self.young.get(key) {
            return Ok(Rc::clone(object));
        }
        let object = match self.old.remove(key) {
            Some(object) => object,
            None => Rc::new(load()?),
        };
        if self.young_bytes > KEPT_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += object.json.len() + object.name.len() + object.slug.len() + 100;
        self.young.insert(key.clone(), Rc::clone(&object));
        Ok(object)
    }
}

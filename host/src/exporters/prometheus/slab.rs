//! A vector whose places are used again and whose items never move: an index stays good until its item is removed.

/// Items at stable indexes.
#[derive(Debug)]
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts an item into a free place. Returns `None`, and drops the item, when all 2³² indexes are taken.
    pub fn insert(&mut self, item: T) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            *self.places.get_mut(index as usize)? = Some(item);
            return Some(index);
        }
        let index = u32::try_from(self.places.len()).ok()?;
        self.places.push(Some(item));
        Some(index)
    }

    /// The item at `index`.
    pub fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.as_ref()
    }

    /// The item at `index`, to change it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.as_mut()
    }

    /// Takes the item out; its place is free again.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let item = self.places.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_items_stay_where_they_are() {
        let mut slab = Slab::default();
        assert_eq!((slab.insert("a"), slab.insert("b")), (Some(0), Some(1)));
        assert_eq!((slab.remove(0), slab.remove(0)), (Some("a"), None));
        assert_eq!((slab.insert("c"), slab.insert("d")), (Some(0), Some(2)));
        assert_eq!((slab.get(1), slab.get(0), slab.get(9)), (Some(&"b"), Some(&"c"), None));
    }
}

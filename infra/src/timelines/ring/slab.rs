//! The storage of all rings of a shard: equal pieces of large allocations, by seat.

use super::window::Slot;

/// Bytes of one allocation: large enough for the allocator to map pages of its own, small enough not to matter on an idle server.
const CHUNK_BYTES: usize = 256 * 1024;

/// Rings of equal, power-of-two length.
#[derive(Debug)]
pub(super) struct Slab {
    chunks: Vec<Box<[Slot]>>,
    slots_shift: u32,
    rings_shift: u32,
}

impl Slab {
    /// Makes an empty slab of rings of `slots` entries, a power of two.
    pub(super) fn new(slots: usize) -> Self {
        let slots_shift = slots.trailing_zeros();
        let rings = (CHUNK_BYTES / size_of::<Slot>()) >> slots_shift;
        Self { chunks: Vec::new(), slots_shift, rings_shift: rings.max(1).ilog2() }
    }

    /// Makes room for one more ring.
    pub(super) fn reserve(&mut self, seat: u32) {
        while self.chunks.len() <= (seat >> self.rings_shift) as usize {
            self.chunks.push(vec![Slot::default(); 1 << (self.slots_shift + self.rings_shift)].into_boxed_slice());
        }
    }

    fn place(&self, seat: u32) -> (usize, std::ops::Range<usize>) {
        let start = ((seat & ((1 << self.rings_shift) - 1)) as usize) << self.slots_shift;
        ((seat >> self.rings_shift) as usize, start..start + (1 << self.slots_shift))
    }

    /// The ring of a seat.
    pub(super) fn ring(&self, seat: u32) -> Option<&[Slot]> {
        let (chunk, place) = self.place(seat);
        self.chunks.get(chunk)?.get(place)
    }

    /// The ring of a seat, to write.
    #[inline]
    pub(super) fn ring_mut(&mut self, seat: u32) -> Option<&mut [Slot]> {
        let (chunk, place) = self.place(seat);
        self.chunks.get_mut(chunk)?.get_mut(place)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * (size_of::<Slot>() << (self.slots_shift + self.rings_shift))
    }
}

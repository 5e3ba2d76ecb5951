//! Valid bytes made invalid.

use proptest::{collection::vec, prelude::*, sample::Index};

/// A change to some bytes.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Set(Index, u8),
    Truncate(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// A length, where a protobuf may have one, that is not the true one.
    Varint(Index, u64),
    /// A number of four or eight bytes, as flatbuffers have them.
    Word(Index, i64, bool),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let numbers = prop_oneof![
        Just(0),
        Just(1),
        Just(-1),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(i64::from(i32::MAX)),
        Just(1 << 40),
        any::<i64>(),
        -300_i64..300,
    ];
    prop_oneof![
        4 => (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => at().prop_map(Mutation::Truncate),
        2 => (at(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (at(), 1..17_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (at(), 1..65_usize, 1..9_usize).prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        2 => (at(), any::<u64>(), 0..64_u32).prop_map(|(at, bits, shift)| Mutation::Varint(at, bits >> shift)),
        3 => (at(), numbers, any::<bool>()).prop_map(|(at, number, long)| Mutation::Word(at, number, long)),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match mutation {
        Mutation::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
        Mutation::Set(at, byte) => bytes[at.index(length)] = *byte,
        Mutation::Truncate(at) => bytes.truncate(at.index(length)),
        Mutation::Insert(at, more) => {
            let at = at.index(length);
            bytes.splice(at..at, more.iter().copied());
        }
        Mutation::Remove(at, count) => {
            let at = at.index(length);
            bytes.drain(at..(at + count).min(length));
        }
        Mutation::Repeat(at, count, times) => {
            let at = at.index(length);
            let piece = bytes[at..(at + count).min(length)].repeat(*times);
            bytes.splice(at..at, piece);
        }
        Mutation::Varint(at, number) => {
            let (at, mut number) = (at.index(length), *number);
            let mut varint = Vec::new();
            while number >= 128 {
                varint.push((number % 128) as u8 | 128);
                number /= 128;
            }
            varint.push(number as u8);
            bytes.splice(at..=at, varint);
        }
        Mutation::Word(at, number, long) => {
            let width = if *long { 8 } else { 4 };
            // Numbers are aligned in flatbuffers.
            let at = at.index(length) / 4 * 4;
            for (place, byte) in bytes[at..].iter_mut().zip(&number.to_le_bytes()[..width]) {
                *place = *byte;
            }
        }
    }
}

/// Bytes of `valid`, with up to six changes; sometimes with none, and sometimes bytes of nothing in particular.
pub(super) fn mutated(valid: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (valid, vec(mutation(), 0..6)).prop_map(|(mut bytes, mutations)| {
        mutations.iter().for_each(|mutation| apply(&mut bytes, mutation));
        bytes
    });
    prop_oneof![9 => changed, 1 => vec(any::<u8>(), 0..200)]
}

//! Rows without anything that is not a value of theirs, in pieces of a size.
//!
//! The buffers of an array may hold more than its values: kernels lay a new validity over old values, views point into
//! texts of rows that were filtered out or of which only a part was taken, slices lie in longer buffers. Buffers are handed
//! on and sent as they are, and whoever gets them may look at each byte. So what is not answered is taken out before: it
//! may be what the caller must not see.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, MutableArrayData, OffsetSizeTrait, RecordBatch,
        RecordBatchOptions, StructArray, make_array,
    },
    compute::cast,
    datatypes::{ArrowNativeType, DataType, FieldRef},
    error::ArrowError,
};
use arrow_select::dictionary::garbage_collect_any_dictionary;

/// How large rows become, in bytes, before they are cut into pieces: values that many rows share are written out for each.
const PIECE_BYTES: usize = 64 << 20;

/// `rows` in pieces of some size, each as [`exact`] makes it when it is asked for.
pub(crate) fn exact_pieces(rows: RecordBatch) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> {
    let mut waiting = vec![rows];
    std::iter::from_fn(move || {
        let mut rows = waiting.pop()?;
        while rows.num_rows() > 1 && expanded_bytes(&rows) > PIECE_BYTES {
            let half = rows.num_rows() / 2;
            waiting.push(rows.slice(half, rows.num_rows() - half));
            rows = rows.slice(0, half);
        }
        Some(exact(&rows))
    })
}

/// `rows` in buffers of which an IPC writer writes their values and zeros. Shares what it can.
///
/// Values of a fixed width, offsets and texts may lie in longer buffers: no writer goes beyond them.
///
/// # Errors
/// A column of a union, whose parts cannot be told from what they hide; rows whose parts do not fit together.
pub fn exact(rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = rows.columns().iter().map(values).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(rows.schema(), columns, &options)
}

/// `array` without anything but its values.
pub(crate) fn values(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Null => Ok(Arc::clone(array)),
        // Without nulls every byte between the ends is part of a value.
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::FixedSizeBinary(_)
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::Utf8
        | DataType::LargeUtf8 => without_nulls(array),
        // Bits end amid a byte, and bytes are what is written.
        DataType::Boolean => copied(array),
        DataType::Utf8View => Ok(Arc::new(without_nulls(array)?.as_string_view().gc())),
        DataType::BinaryView => Ok(Arc::new(without_nulls(array)?.as_binary_view().gc())),
        DataType::List(_) => list::<i32>(array),
        DataType::LargeList(_) => list::<i64>(array),
        DataType::FixedSizeList(..) => {
            let (item, length, items, nulls) = without_nulls(array)?.as_fixed_size_list().clone().into_parts();
            Ok(Arc::new(FixedSizeListArray::try_new_with_length(item, length, values(&items)?, nulls, array.len())?))
        }
        DataType::Struct(_) => {
            let (fields, columns, nulls) = without_nulls(array)?.as_struct().clone().into_parts();
            let columns = columns.iter().map(values).collect::<Result<_, _>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(fields, columns, nulls, array.len())?))
        }
        DataType::Map(..) => {
            let array = copied(array)?;
            let entries = values(&(Arc::new(array.as_map().entries().clone()) as ArrayRef))?;
            // A map is made more strictly than it is read, and this one is there already.
            let builder = array.to_data().into_builder().child_data(vec![entries.to_data()]);
            Ok(make_array(builder.build()?))
        }
        DataType::Dictionary(..) => {
            // A key behind a null tells a value as well as the value does.
            let dictionary = array.as_any_dictionary();
            let keys = without_nulls(&dictionary.keys().slice(0, array.len()))?.to_data();
            let builder = keys.into_builder().data_type(array.data_type().clone());
            let dictionary = make_array(builder.child_data(vec![dictionary.values().to_data()]).build()?);
            let used = garbage_collect_any_dictionary(dictionary.as_any_dictionary())?;
            let used = used.as_any_dictionary();
            Ok(used.with_values(values(used.values())?))
        }
        DataType::ListView(item) => through(array, &DataType::List(FieldRef::clone(item))),
        DataType::LargeListView(item) => through(array, &DataType::LargeList(FieldRef::clone(item))),
        DataType::RunEndEncoded(_, item) => through(array, item.data_type()),
        DataType::Union(..) => Err(ArrowError::NotYetImplemented(
            "which part of a union is a value, and which is hidden, cannot be told".to_owned(),
        )),
    }
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let (item, offsets, items, nulls) = copied(array)?.as_list::<O>().clone().into_parts();
    Ok(Arc::new(GenericListArray::try_new(item, offsets, values(&items)?, nulls)?))
}

/// `array` made anew from what it is in a plainer type.
fn through(array: &ArrayRef, plainer: &DataType) -> Result<ArrayRef, ArrowError> {
    let exact = cast(&values(&cast(array, plainer)?)?, array.data_type())?;
    // The cast back names and annotates the inner fields its own way.
    Ok(make_array(exact.to_data().into_builder().data_type(array.data_type().clone()).build()?))
}

/// How large `rows` are, in bytes, once values that stand for several rows are written out for each.
pub fn expanded_bytes(rows: &RecordBatch) -> usize {
    rows.columns().iter().fold(0_usize, |sum, column| sum.saturating_add(expanded(column)))
}

fn expanded(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        DataType::BinaryView => array.as_binary_view().lengths().map(|length| length as usize).sum(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            let largest = (0..values.len()).map(|index| expanded(&values.slice(index, 1))).max().unwrap_or(0);
            largest.saturating_mul(dictionary.keys().len())
        }
        DataType::RunEndEncoded(..) | DataType::ListView(_) | DataType::LargeListView(_) => {
            // Runs and views may repeat one value for all rows.
            array.get_array_memory_size().saturating_mul(array.len().max(1))
        }
        DataType::List(_) => expanded_items(array.as_list::<i32>()),
        DataType::LargeList(_) => expanded_items(array.as_list::<i64>()),
        DataType::FixedSizeList(..) => expanded(array.as_fixed_size_list().values()),
        DataType::Map(..) => {
            let map = array.as_map();
            let (first, last) = (map.offsets().first(), map.offsets().last());
            let range = first.zip(last).map_or((0, 0), |(first, last)| (first.as_usize(), last.as_usize()));
            expanded(&map.entries().slice(range.0, range.1 - range.0))
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().fold(0, |sum, column| usize::saturating_add(sum, expanded(column)))
        }
        _ => array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size()),
    }
}

fn expanded_items<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> usize {
    let (first, last) = (lists.offsets().first(), lists.offsets().last());
    let (first, last) = first.zip(last).map_or((0, 0), |(first, last)| (first.as_usize(), last.as_usize()));
    expanded(&lists.values().slice(first, last - first)).saturating_add(size_of::<O>() * lists.len())
}

/// `array` with zeros behind its nulls.
fn without_nulls(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if array.null_count() == 0 { Ok(Arc::clone(array)) } else { copied(array) }
}

/// `array` in buffers of its own, with zeros behind the nulls. Views still point where they did.
fn copied(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let mut copy = MutableArrayData::new(vec![&data], nulls.is_some(), data.len());
    match nulls {
        None => copy.try_extend(0, 0, data.len())?,
        Some(nulls) => {
            let mut copied = 0;
            for (start, end) in nulls.valid_slices() {
                copy.try_extend_nulls(start - copied)?;
                copy.try_extend(0, start, end)?;
                copied = end;
            }
            copy.try_extend_nulls(data.len() - copied)?;
        }
    }
    Ok(make_array(copy.freeze()))
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{BooleanArray, Int64Array, ListArray, StringArray, StringViewArray, new_null_array},
        buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
        datatypes::{Field, Int32Type},
        ipc::writer::StreamEncoder,
    };

    use super::*;

    const HIDDEN: &str = "a text that nobody is to see";
    const SHOWN: &str = "a text that is part of the answer";

    /// Everything that is written of `array`.
    fn bytes(array: &ArrayRef) -> Vec<u8> {
        let rows = RecordBatch::try_from_iter([("c", Arc::clone(array))]).unwrap();
        let mut encoder = StreamEncoder::try_new(&rows.schema()).unwrap();
        encoder.encode(&rows).unwrap().iter().flat_map(|buffer| buffer.to_vec()).collect()
    }

    fn holds(array: &ArrayRef, text: &str) -> bool {
        bytes(array).windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// `array` has a hidden text in its buffers, and loses it without losing anything else.
    #[track_caller]
    fn loses_what_is_hidden(array: &ArrayRef) {
        assert!(holds(array, HIDDEN), "{} hides nothing", array.data_type());
        let exact = values(array).unwrap();
        assert_eq!(&exact, array);
        assert!(!holds(&exact, HIDDEN), "{}", array.data_type());
        assert_eq!(holds(&exact, SHOWN), holds(array, SHOWN), "{}", array.data_type());
    }

    /// A shown row, and a hidden one that a null lies over.
    fn masked(array: &ArrayRef) -> ArrayRef {
        assert_eq!(array.len(), 2);
        let nulls = Some(NullBuffer::from(vec![true, false]));
        make_array(array.to_data().into_builder().nulls(nulls).build().unwrap())
    }

    fn texts() -> ArrayRef {
        Arc::new(StringArray::from(vec![SHOWN, HIDDEN]))
    }

    fn list(item: ArrayRef) -> ArrayRef {
        let field = Arc::new(Field::new_list_field(item.data_type().clone(), true));
        Arc::new(ListArray::new(field, OffsetBuffer::from_lengths([1, 1]), item, None))
    }

    fn pair(item: ArrayRef) -> ArrayRef {
        Arc::new(StructArray::from(vec![(Arc::new(Field::new("f", item.data_type().clone(), true)), item)]))
    }

    fn as_type(array: &ArrayRef, data_type: &DataType) -> ArrayRef {
        cast(array, data_type).unwrap()
    }

    #[test]
    fn values_behind_nulls_go() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let fixed = DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Utf8, true)), 1);
        for array in [
            texts(),
            as_type(&texts(), &DataType::LargeUtf8),
            as_type(&texts(), &DataType::Binary),
            as_type(&texts(), &DataType::Utf8View),
            as_type(&as_type(&texts(), &DataType::Binary), &DataType::BinaryView),
            as_type(&texts(), &dictionary),
            list(texts()),
            as_type(&list(texts()), &DataType::LargeList(Arc::new(Field::new_list_field(DataType::Utf8, true)))),
            as_type(&list(texts()), &fixed),
            pair(texts()),
            list(pair(as_type(&texts(), &DataType::Utf8View))),
            pair(list(as_type(&texts(), &dictionary))),
        ] {
            loses_what_is_hidden(&masked(&array));
            // The same, one level down.
            loses_what_is_hidden(&pair(masked(&array)));
            loses_what_is_hidden(&list(masked(&array)));
        }
    }

    #[test]
    fn what_is_left_out_of_views_and_dictionaries_goes() {
        for data_type in [
            DataType::Utf8View,
            DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8)),
            DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8View)),
        ] {
            let array = as_type(&texts(), &data_type);
            loses_what_is_hidden(&array.slice(0, 1));
            loses_what_is_hidden(&pair(array).slice(0, 1));
        }
    }

    #[test]
    fn parts_of_texts_lose_the_rest() {
        let whole = StringViewArray::from(vec![format!("{SHOWN}; {HIDDEN}")]);
        let mut view = arrow::array::ByteView::from(whole.views()[0]);
        view.length = u32::try_from(SHOWN.len()).unwrap();
        let part =
            StringViewArray::new(ScalarBuffer::from(vec![u128::from(view)]), whole.data_buffers().to_vec(), None);
        loses_what_is_hidden(&(Arc::new(part) as ArrayRef));
    }

    #[test]
    fn numbers_and_keys_behind_nulls_are_zero() {
        let numbers = masked(&(Arc::new(Int64Array::from(vec![7, 0x7777_7777])) as ArrayRef));
        let exact = values(&numbers).unwrap();
        assert_eq!(exact.as_primitive::<arrow::datatypes::Int64Type>().values(), &[7, 0]);
        // The hidden row's value is one that is shown elsewhere.
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "b"]));
        let nulls = Some(NullBuffer::from(vec![true, true, false]));
        let array = as_type(&texts, &dictionary).to_data().into_builder().nulls(nulls).build().unwrap();
        let exact = values(&make_array(array)).unwrap();
        assert_eq!(exact.as_dictionary::<Int32Type>().keys().values(), &[0, 1, 0]);
    }

    #[test]
    fn no_bits_are_left_behind_the_last() {
        let bits: ArrayRef = Arc::new(BooleanArray::from(vec![true; 8]));
        let exact = values(&bits.slice(0, 3)).unwrap();
        assert_eq!(exact.as_boolean().values().inner().as_slice()[0], 0b111);
        let masked: ArrayRef = Arc::new(Int64Array::new(
            vec![1; 8].into(),
            Some(NullBuffer::from(vec![true, false, true, true, true, true, true, true])),
        ));
        let exact = values(&masked.slice(0, 3)).unwrap();
        assert_eq!(exact.nulls().unwrap().validity()[0], 0b101);
    }

    #[test]
    fn what_has_no_values_stays() {
        let fixed = DataType::FixedSizeList(Arc::new(Field::new_list_field(DataType::Int8, true)), 0);
        for data_type in [DataType::Null, fixed, DataType::Struct(Default::default()), DataType::Utf8View] {
            for length in [0, 3] {
                let array = new_null_array(&data_type, length);
                assert_eq!(&values(&array).unwrap(), &array);
            }
        }
    }

    #[test]
    fn lists_without_items_lose_what_their_items_point_to() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for data_type in [DataType::Utf8View, dictionary] {
            let items = as_type(&texts(), &data_type).slice(0, 0);
            let item = Arc::new(Field::new_list_field(data_type, true));
            let array: ArrayRef = Arc::new(FixedSizeListArray::try_new_with_length(item, 0, items, None, 2).unwrap());
            for array in [pair(Arc::clone(&array)), array] {
                assert!(holds(&array, HIDDEN), "{} hides nothing", array.data_type());
                let exact = values(&array).unwrap();
                assert_eq!(&exact, &array);
                assert!(!holds(&exact, HIDDEN) && !holds(&exact, SHOWN), "{}", array.data_type());
            }
        }
    }

    #[test]
    fn dictionaries_of_more_values_than_keys_are_cut() {
        let many: ArrayRef = Arc::new(StringArray::from_iter_values((0..200).map(|n| format!("{HIDDEN} {n}"))));
        let keys = arrow::array::Int8Array::from(vec![Some(3), None]);
        let array: ArrayRef = Arc::new(arrow::array::DictionaryArray::new(keys, many));
        let exact = values(&array).unwrap();
        assert_eq!(&exact, &array);
        assert!(holds(&exact, &format!("{HIDDEN} 3")) && !holds(&exact, &format!("{HIDDEN} 4")));
    }

    #[test]
    fn runs_and_list_views_keep_their_type_and_values() {
        let item = Arc::new(Field::new("item", DataType::Int64, false));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 2]));
        let runs = DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", DataType::Int64, true)),
        );
        let lists: ArrayRef =
            Arc::new(ListArray::new(item.clone(), OffsetBuffer::from_lengths([1, 2]), numbers.clone(), None));
        for array in [as_type(&numbers, &runs), as_type(&lists, &DataType::ListView(item))] {
            let exact = values(&array).unwrap();
            assert_eq!(exact.data_type(), array.data_type());
            assert_eq!(&exact, &array);
        }
    }

    #[test]
    fn values_that_rows_share_are_written_out_piece_by_piece() {
        let text = "x".repeat(10 << 20);
        let mut builder = arrow::array::StringViewBuilder::new();
        let block = builder.append_block(Buffer::from(text.as_bytes()));
        for _ in 0..100 {
            builder.try_append_view(block, 0, u32::try_from(text.len()).unwrap()).unwrap();
        }
        let rows = RecordBatch::try_from_iter([("c", Arc::new(builder.finish()) as ArrayRef)]).unwrap();
        assert_eq!(expanded_bytes(&rows), 100 * text.len());
        let mut count = 0;
        for piece in exact_pieces(rows) {
            let piece = piece.unwrap();
            count += piece.num_rows();
            assert!(piece.get_array_memory_size() <= PIECE_BYTES + (1 << 20), "{}", piece.get_array_memory_size());
        }
        assert_eq!(count, 100);
    }

    #[test]
    fn repeated_values_count_each_time() {
        let long = "x".repeat(1000);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let values: ArrayRef = Arc::new(StringArray::from(vec![long.as_str(); 5000]));
        assert!(expanded(&as_type(&values, &dictionary)) >= 5_000_000);
        let views = StringViewArray::from_iter_values(std::iter::repeat_n(long.as_str(), 100));
        assert!(expanded(&views) >= 100_000);
        assert!(expanded(&Int64Array::from(vec![1, 2, 3])) < 1000);
        let lists = list(texts());
        assert!(expanded(&lists.slice(0, 1)) < expanded(&lists));
    }
}

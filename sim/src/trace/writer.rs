//! Trace files written: the same table as CSV or Parquet, told apart by the extension.
//!
//! Holds one row group at most. The same rows give the same bytes. Knows no formats. Called by the
//! generator.

use super::error::TraceError;
use parquet::basic::{Compression, ConvertedType, Repetition, Type as Stored, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

/// Rows in a row group: a few megabytes.
const GROUP_ROWS: usize = 65_536;

/// One field of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(&'a str),
}

/// How Parquet stores a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// 64-bit integers.
    Int64,
    /// Integers of at most 32 bits.
    Int32,
    /// Numbers.
    Double,
    /// UTF-8.
    Text,
}

/// A column to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its type.
    pub(crate) store: Store,
    /// Whether it may hold nothing.
    pub(crate) is_nullable: bool,
}

/// A column that is never empty.
pub(crate) const fn full(name: &'static str, store: Store) -> Written {
    Written { name, store, is_nullable: false }
}

/// A column with gaps.
pub(crate) const fn gappy(name: &'static str, store: Store) -> Written {
    Written { name, store, is_nullable: true }
}

enum Values {
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

struct Buffer {
    values: Values,
    /// One for each row of a nullable column; unused for others.
    levels: Vec<i16>,
    is_nullable: bool,
}

enum Backing {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Parquet { writer: Box<SerializedFileWriter<File>>, buffers: Vec<Buffer>, rows: usize },
}

/// A file being written.
pub(crate) struct TraceWriter {
    file: Arc<str>,
    backing: Backing,
}

fn failed(file: &Arc<str>, source: impl Into<Box<dyn Error + Send + Sync>>) -> TraceError {
    TraceError::Write { file: Arc::clone(file), source: source.into() }
}

impl TraceWriter {
    /// Creates the file, over any other of its name.
    pub(crate) fn create(path: &Path, columns: &[Written]) -> Result<Self, TraceError> {
        let file: Arc<str> = path.display().to_string().into();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let create = || {
            File::create(path)
                .map_err(|source| TraceError::Open { file: Arc::clone(&file), source })
        };
        let backing = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => {
                let mut writer = csv::Writer::from_writer(BufWriter::new(create()?));
                writer
                    .write_record(columns.iter().map(|column| column.name))
                    .map_err(|source| failed(&file, source))?;
                Backing::Csv(Box::new(writer))
            }
            Some("parquet") => {
                open_parquet(create()?, columns).map_err(|source| failed(&file, source))?
            }
            _ => return Err(TraceError::Extension { file }),
        };
        Ok(Self { file, backing })
    }

    /// Writes a row: as many fields as columns, each of its column's type.
    pub(crate) fn row(&mut self, fields: &[Field<'_>]) -> Result<(), TraceError> {
        let file = &self.file;
        match &mut self.backing {
            Backing::Csv(writer) => {
                write_csv(writer, fields).map_err(|source| failed(file, source))
            }
            Backing::Parquet { writer, buffers, rows } => {
                assert_eq!(fields.len(), buffers.len(), "as many fields as columns");
                for (buffer, field) in buffers.iter_mut().zip(fields) {
                    buffer.push(*field);
                }
                *rows += 1;
                if *rows == GROUP_ROWS {
                    *rows = 0;
                    write_group(writer, buffers).map_err(|source| failed(file, source))?;
                }
                Ok(())
            }
        }
    }

    /// Writes what is held and closes the file.
    pub(crate) fn finish(self) -> Result<(), TraceError> {
        let file = self.file;
        match self.backing {
            Backing::Csv(mut writer) => writer.flush().map_err(|source| failed(&file, source)),
            Backing::Parquet { mut writer, mut buffers, rows } => {
                if rows > 0 {
                    write_group(&mut writer, &mut buffers)
                        .map_err(|source| failed(&file, source))?;
                }
                writer.close().map(|_| ()).map_err(|source| failed(&file, source))
            }
        }
    }
}

fn write_csv(writer: &mut csv::Writer<BufWriter<File>>, fields: &[Field<'_>]) -> csv::Result<()> {
    for field in fields {
        match field {
            Field::Null => writer.write_field("")?,
            Field::Int(value) => writer.write_field(value.to_string())?,
            Field::Float(value) => writer.write_field(value.to_string())?,
            Field::Text(text) => writer.write_field(text)?,
        }
    }
    writer.write_record(None::<&[u8]>)
}

fn open_parquet(file: File, columns: &[Written]) -> Result<Backing, ParquetError> {
    let fields = columns
        .iter()
        .map(|column| {
            let (stored, converted) = match column.store {
                Store::Int64 => (Stored::INT64, ConvertedType::NONE),
                Store::Int32 => (Stored::INT32, ConvertedType::NONE),
                Store::Double => (Stored::DOUBLE, ConvertedType::NONE),
                Store::Text => (Stored::BYTE_ARRAY, ConvertedType::UTF8),
            };
            let repetition =
                if column.is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
            Type::primitive_type_builder(column.name, stored)
                .with_repetition(repetition)
                .with_converted_type(converted)
                .build()
                .map(Arc::new)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("trace").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .build();
    let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let buffers = columns.iter().map(Buffer::new).collect();
    Ok(Backing::Parquet { writer: Box::new(writer), buffers, rows: 0 })
}

impl Buffer {
    fn new(column: &Written) -> Self {
        let values = match column.store {
            Store::Int64 => Values::Int64(Vec::new()),
            Store::Int32 => Values::Int32(Vec::new()),
            Store::Double => Values::Double(Vec::new()),
            Store::Text => Values::Text(Vec::new()),
        };
        Self { values, levels: Vec::new(), is_nullable: column.is_nullable }
    }

    fn push(&mut self, field: Field<'_>) {
        if field == Field::Null {
            assert!(self.is_nullable, "a full column has no gaps");
            self.levels.push(0);
            return;
        }
        self.levels.push(1);
        match (&mut self.values, field) {
            (Values::Int64(values), Field::Int(value)) => values.push(value),
            (Values::Int32(values), Field::Int(value)) => {
                values.push(i32::try_from(value).expect("a small column holds small numbers"));
            }
            (Values::Double(values), Field::Float(value)) => values.push(value),
            (Values::Text(values), Field::Text(text)) => values.push(text.into()),
            _ => panic!("a field must be of its column's type"),
        }
    }
}

fn write_group(
    writer: &mut SerializedFileWriter<File>,
    buffers: &mut [Buffer],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for buffer in buffers {
        let levels = buffer.is_nullable.then_some(buffer.levels.as_slice());
        match &mut buffer.values {
            Values::Int64(values) => write_column::<Int64Type>(&mut group, values, levels)?,
            Values::Int32(values) => write_column::<Int32Type>(&mut group, values, levels)?,
            Values::Double(values) => write_column::<DoubleType>(&mut group, values, levels)?,
            Values::Text(values) => write_column::<ByteArrayType>(&mut group, values, levels)?,
        }
        buffer.levels.clear();
    }
    group.close().map(|_| ())
}

fn write_column<D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &mut Vec<D::T>,
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))?;
    column.typed::<D>().write_batch(values, levels, None)?;
    values.clear();
    column.close()
}

//===- ReadModel.cpp - protobuf to plain structures ---===//
//
// Part of the MPQ project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only file of the importer that sees protobuf. It believes nothing it
// reads: sizes are checked against the data before anything of that size is
// allocated, and paths of external data must stay below the model's folder.
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "ModelProto.h"

#include "mpq/Dialect/ConstantData.h"
#include "mpq/Numerics/NarrowFloats.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <google/protobuf/io/coded_stream.h>

using namespace mlir;
using namespace mpq::onnximport;
using ::onnx::TensorProto;

namespace {
struct ElementKind {
  Type type;
  bool isUnsigned = false;
  unsigned bits = 0;
};

/// Reads one model; all errors are at the model's location.
class Reader {
public:
  Reader(StringRef folder, Location loc)
      : folder(folder), loc(loc), builder(loc.getContext()) {}

  FailureOr<Model> read(StringRef data);
  LogicalResult embed(TensorProto &proto);

private:
  InFlightDiagnostic error() { return emitError(loc); }
  /// The element type of an ONNX data type; a null type if unsupported.
  ElementKind getElementKind(int32_t dataType);
  FailureOr<ConstantTensor> readTensor(TensorProto &proto, const Twine &what);
  LogicalResult readExternal(const TensorProto &proto, const Twine &what,
                             int64_t expected, std::string &bytes);
  FailureOr<NodeAttribute> readAttribute(::onnx::AttributeProto &proto,
                                         const Node &node);
  LogicalResult readNode(::onnx::NodeProto &proto, Model &model);
  LogicalResult readValue(const ::onnx::ValueInfoProto &proto, StringRef what,
                          std::vector<GraphValue> &values);

  StringRef folder;
  Location loc;
  Builder builder;
};
} // namespace

static std::string dataTypeName(int32_t dataType) {
  if (TensorProto::DataType_IsValid(dataType))
    return TensorProto::DataType_Name(
        static_cast<TensorProto::DataType>(dataType));
  return "number " + std::to_string(dataType);
}

ElementKind Reader::getElementKind(int32_t dataType) {
  auto integer = [&](unsigned bits, bool isUnsigned) {
    return ElementKind{builder.getIntegerType(bits), isUnsigned, bits};
  };
  switch (dataType) {
  case TensorProto::FLOAT:
    return {builder.getF32Type(), false, 32};
  case TensorProto::DOUBLE:
    return {builder.getF64Type(), false, 64};
  case TensorProto::FLOAT16:
    return {builder.getF16Type(), false, 16};
  case TensorProto::BFLOAT16:
    return {builder.getBF16Type(), false, 16};
  case TensorProto::BOOL:
    return integer(1, false);
  case TensorProto::INT8:
    return integer(8, false);
  case TensorProto::INT16:
    return integer(16, false);
  case TensorProto::INT32:
    return integer(32, false);
  case TensorProto::INT64:
    return integer(64, false);
  case TensorProto::UINT8:
    return integer(8, true);
  case TensorProto::UINT16:
    return integer(16, true);
  case TensorProto::UINT32:
    return integer(32, true);
  case TensorProto::UINT64:
    return integer(64, true);
  case TensorProto::INT4:
    return integer(4, false);
  case TensorProto::UINT4:
    return integer(4, true);
  case TensorProto::INT2:
    return integer(2, false);
  case TensorProto::UINT2:
    return integer(2, true);
  case TensorProto::FLOAT8E4M3FN:
    return {builder.getType<Float8E4M3FNType>(), false, 8};
  case TensorProto::FLOAT8E5M2:
    return {builder.getType<Float8E5M2Type>(), false, 8};
  case TensorProto::FLOAT4E2M1: // codes are unsigned, as they are unpacked
    return {builder.getType<Float4E2M1FNType>(), true, 4};
  default:
    return {};
  }
}

/// One byte for each element of a type below a byte, which ONNX packs with the
/// first element in the low bits.
static std::string unpack(StringRef packed, unsigned bits, bool isUnsigned,
                          int64_t count) {
  std::string bytes;
  bytes.reserve(count);
  unsigned perByte = 8 / bits;
  for (int64_t i = 0; i < count; ++i) {
    unsigned field =
        static_cast<uint8_t>(packed[i / perByte]) >> (i % perByte * bits);
    int value = field & ((1u << bits) - 1);
    if (!isUnsigned && value >> (bits - 1))
      value -= 1 << bits;
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

LogicalResult Reader::readExternal(const TensorProto &proto, const Twine &what,
                                   int64_t expected, std::string &bytes) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const auto &entry : proto.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location")
      location = entry.value();
    else if ((entry.key() == "offset" &&
              (value.getAsInteger(10, offset) || offset < 0)) ||
             (entry.key() == "length" &&
              (value.getAsInteger(10, length) || length < 0)))
      return error() << what << ": expected " << entry.key()
                     << " of external data to be a number but got '" << value
                     << "'";
  }
  if (folder.empty())
    return error() << what << ": has external data '" << location
                   << "' but the model was not read from a file";
  if (location.empty() || llvm::sys::path::is_absolute(location) ||
      llvm::is_contained(llvm::make_range(llvm::sys::path::begin(location),
                                          llvm::sys::path::end(location)),
                         ".."))
    return error() << what << ": expected a path of external data below the "
                   << "model's folder but got '" << location << "'";
  SmallString<128> path(folder), realFolder, realPath;
  llvm::sys::path::append(path, location);
  if (std::error_code code = llvm::sys::fs::real_path(path, realPath))
    return error() << what << ": cannot open external data '" << path
                   << "': " << code.message();
  // A link may lead out of the folder although its name does not.
  if (llvm::sys::fs::real_path(folder, realFolder) ||
      !StringRef(realPath).starts_with((realFolder + "/").str()))
    return error() << what << ": external data '" << path
                   << "' is a link that leaves the model's folder";
  uint64_t size;
  if (std::error_code code = llvm::sys::fs::file_size(realPath, size))
    return error() << what << ": cannot read external data '" << path
                   << "': " << code.message();
  if (length < 0)
    length = expected;
  if (length != expected || static_cast<uint64_t>(offset) > size ||
      static_cast<uint64_t>(length) > size - offset)
    return error() << what << ": expected " << expected
                   << " bytes of external data at offset " << offset << " of '"
                   << path << "' but the model gives it " << length
                   << " and the file has " << size;
  if (length == 0)
    return success();
  auto buffer = llvm::MemoryBuffer::getFileSlice(realPath, length, offset);
  if (!buffer)
    return error() << what << ": cannot read external data '" << path
                   << "': " << buffer.getError().message();
  bytes = (*buffer)->getBuffer().str();
  return success();
}

FailureOr<ConstantTensor> Reader::readTensor(TensorProto &proto,
                                             const Twine &what) {
  ElementKind kind = getElementKind(proto.data_type());
  if (!kind.type)
    return error() << what << ": unsupported element type "
                   << dataTypeName(proto.data_type());
  SmallVector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return error() << what << ": impossible shape ["
                   << llvm::ArrayRef<int64_t>(shape) << "]";
  int64_t packedBytes = llvm::divideCeilSigned(
      *count * (kind.type.isInteger(1) ? 8 : kind.bits), 8);
  std::string bytes;
  if (proto.data_location() == TensorProto::EXTERNAL) {
    if (failed(readExternal(proto, what, packedBytes, bytes)))
      return failure();
  } else if (proto.has_raw_data()) {
    bytes = std::move(*proto.mutable_raw_data());
    if (static_cast<int64_t>(bytes.size()) != packedBytes)
      return error() << what << ": expected " << packedBytes
                     << " bytes of data for shape ["
                     << llvm::ArrayRef<int64_t>(shape) << "] but got "
                     << bytes.size();
  } else {
    // Typed fields; 16 bits and less lie in int32_data, packed below a byte.
    bool isPacked = kind.bits < 8 && !kind.type.isInteger(1);
    int64_t expected = isPacked ? packedBytes : *count;
    auto take = [&](const auto &field) -> LogicalResult {
      if (field.size() != expected)
        return error() << what << ": expected " << expected
                       << " elements of data for shape ["
                       << llvm::ArrayRef<int64_t>(shape) << "] but got "
                       << field.size();
      for (auto value : field) {
        if constexpr (std::is_floating_point_v<decltype(value)>)
          ConstantTensor::append(bytes, kind.type, static_cast<double>(value));
        else if (isPacked)
          bytes.push_back(static_cast<char>(value));
        else // raw bits, of float16 too
          ConstantTensor::append(bytes,
                                 isa<FloatType>(kind.type)
                                     ? builder.getIntegerType(kind.bits)
                                     : kind.type,
                                 static_cast<int64_t>(value));
      }
      return success();
    };
    LogicalResult taken = failure();
    if (kind.type.isF32())
      taken = take(proto.float_data());
    else if (kind.type.isF64())
      taken = take(proto.double_data());
    else if (kind.bits == 64 && !kind.isUnsigned)
      taken = take(proto.int64_data());
    else if (kind.bits >= 32 && kind.isUnsigned)
      taken = take(proto.uint64_data());
    else
      taken = take(proto.int32_data());
    if (failed(taken))
      return failure();
  }
  if (kind.type.isInteger(1))
    for (char &byte : bytes)
      byte = byte != 0;
  else if (kind.bits < 8)
    bytes = unpack(bytes, kind.bits, kind.isUnsigned, *count);
  return ConstantTensor(kind.type,
                        kind.isUnsigned && isa<IntegerType>(kind.type), shape,
                        std::move(bytes));
}

FailureOr<NodeAttribute> Reader::readAttribute(::onnx::AttributeProto &proto,
                                               const Node &node) {
  NodeAttribute attribute;
  using Proto = ::onnx::AttributeProto;
  switch (proto.type()) {
  case Proto::FLOAT:
    attribute.kind = NodeAttribute::Float;
    attribute.f = proto.f();
    break;
  case Proto::INT:
    attribute.kind = NodeAttribute::Int;
    attribute.i = proto.i();
    break;
  case Proto::STRING:
    attribute.kind = NodeAttribute::String;
    attribute.s = proto.s();
    break;
  case Proto::TENSOR: {
    attribute.kind = NodeAttribute::Tensor;
    auto tensor =
        readTensor(*proto.mutable_t(), "attribute '" + proto.name() +
                                           "' of node " + node.getLabel());
    if (failed(tensor))
      return failure();
    attribute.tensor = std::move(*tensor);
    break;
  }
  case Proto::FLOATS:
    attribute.kind = NodeAttribute::Floats;
    attribute.floats.assign(proto.floats().begin(), proto.floats().end());
    break;
  case Proto::INTS:
    attribute.kind = NodeAttribute::Ints;
    attribute.ints.assign(proto.ints().begin(), proto.ints().end());
    break;
  case Proto::STRINGS:
    attribute.kind = NodeAttribute::Strings;
    attribute.strings.assign(proto.strings().begin(), proto.strings().end());
    break;
  default: // graphs, sparse tensors: their operators are unsupported anyway
    break;
  }
  return attribute;
}

LogicalResult Reader::readNode(::onnx::NodeProto &proto, Model &model) {
  Node node;
  node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  node.opType = proto.op_type();
  node.name = proto.name();
  node.index = model.nodes.size();
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  for (::onnx::AttributeProto &attribute : *proto.mutable_attribute()) {
    FailureOr<NodeAttribute> read = readAttribute(attribute, node);
    if (failed(read))
      return failure();
    node.attributes[attribute.name()] = std::move(*read);
  }
  model.nodes.push_back(std::move(node));
  return success();
}

LogicalResult Reader::readValue(const ::onnx::ValueInfoProto &proto,
                                StringRef what,
                                std::vector<GraphValue> &values) {
  GraphValue value;
  value.name = proto.name();
  if (proto.has_type() && !proto.type().has_tensor_type())
    return error() << what << " '" << value.name
                   << "' is no tensor: sequences, maps and optionals are not "
                      "supported";
  const auto &type = proto.type().tensor_type();
  if (type.has_elem_type()) {
    ElementKind kind = getElementKind(type.elem_type());
    // Of these there are constants only.
    if (!kind.type || mpq::formulas::getNarrowFormat(kind.type))
      return error() << what << " '" << value.name
                     << "': unsupported element type "
                     << dataTypeName(type.elem_type());
    value.elementType = kind.type;
    value.isUnsigned = kind.isUnsigned;
  }
  value.hasShape = type.has_shape();
  for (const auto &dim : type.shape().dim()) {
    // Exporters write unknown dimensions as names, nothing, 0 or -1.
    bool known = dim.has_dim_value() && dim.dim_value() > 0;
    if (dim.has_dim_value() && dim.dim_value() < -1)
      return error() << what << " '" << value.name << "': negative dimension "
                     << dim.dim_value();
    value.shape.push_back(known ? dim.dim_value() : -1);
  }
  values.push_back(std::move(value));
  return success();
}

LogicalResult mpq::onnximport::parseModelProto(StringRef data, Location loc,
                                               ::onnx::ModelProto &proto) {
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const uint8_t *>(data.data()),
      static_cast<int>(std::min<size_t>(data.size(), INT32_MAX)));
  stream.SetTotalBytesLimit(INT32_MAX);
  if (data.size() > INT32_MAX)
    return emitError(loc) << "expected at most 2 GiB but got " << data.size()
                          << " bytes: keep large tensors in external data";
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return emitError(loc) << "is no ONNX model, or a truncated or corrupt one ("
                          << data.size() << " bytes)";
  if (!proto.has_graph())
    return emitError(loc)
           << "expected an ONNX model with a graph but found none";
  return success();
}

LogicalResult Reader::embed(TensorProto &proto) {
  if (proto.data_location() != TensorProto::EXTERNAL)
    return success();
  std::string what = "tensor '" + proto.name() + "'";
  ElementKind kind = getElementKind(proto.data_type());
  std::optional<int64_t> count = countElements(
      SmallVector<int64_t>(proto.dims().begin(), proto.dims().end()));
  if (!kind.type || !count)
    return error() << what << ": expected numbers of a known shape but got "
                   << dataTypeName(proto.data_type());
  unsigned bits = kind.type.isInteger(1) ? 8 : kind.bits;
  std::string bytes;
  if (failed(readExternal(proto, what, llvm::divideCeilSigned(*count * bits, 8),
                          bytes)))
    return failure();
  proto.set_raw_data(std::move(bytes));
  proto.clear_data_location();
  proto.clear_external_data();
  return success();
}

LogicalResult mpq::onnximport::embedExternalData(::onnx::ModelProto &proto,
                                                 StringRef folder,
                                                 Location loc) {
  Reader reader(folder, loc);
  for (TensorProto &tensor : *proto.mutable_graph()->mutable_initializer())
    if (failed(reader.embed(tensor)))
      return failure();
  for (::onnx::NodeProto &node : *proto.mutable_graph()->mutable_node())
    for (::onnx::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_t() && failed(reader.embed(*attribute.mutable_t())))
        return failure();
  return success();
}

FailureOr<Model> Reader::read(StringRef data) {
  ::onnx::ModelProto proto;
  if (failed(parseModelProto(data, loc, proto)))
    return failure();
  if (proto.graph().sparse_initializer_size() > 0)
    return error() << "sparse initializers are not supported";

  Model model;
  model.graphName = proto.graph().name();
  for (const auto &opset : proto.opset_import()) {
    const std::string domain =
        opset.domain() == "ai.onnx" ? std::string() : opset.domain();
    model.opsets[domain] = opset.version();
  }
  ::onnx::GraphProto &graph = *proto.mutable_graph();
  for (TensorProto &tensor : *graph.mutable_initializer()) {
    std::string name = tensor.name();
    FailureOr<ConstantTensor> read =
        readTensor(tensor, "initializer '" + name + "'");
    if (failed(read))
      return failure();
    if (!model.initializers.emplace(name, std::move(*read)).second)
      return error() << "initializer '" << name << "' is defined twice";
  }
  for (const auto &value : graph.input())
    // Before IR version 4 initializers were inputs too.
    if (!model.initializers.count(value.name()) &&
        failed(readValue(value, "input", model.inputs)))
      return failure();
  for (const auto &value : graph.output())
    if (failed(readValue(value, "output", model.outputs)))
      return failure();
  for (::onnx::NodeProto &node : *graph.mutable_node())
    if (failed(readNode(node, model)))
      return failure();
  return model;
}

FailureOr<Model> mpq::onnximport::readModel(StringRef data, StringRef folder,
                                            Location loc) {
  return Reader(folder, loc).read(data);
}

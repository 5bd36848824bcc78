#include "checkpoint/safetensors_file.h"

#include "base/status_macros.h"
#include "checkpoint/safetensors_parser.h"

namespace vivace::checkpoint {

Result<SafetensorsFile> SafetensorsFile::Open(const std::string& path, ForeignTensors foreign) {
  VIVACE_ASSIGN_OR_RETURN(base::MappedFile mapped, base::MappedFile::Open(path));
  const auto bytes = mapped.bytes();
  VIVACE_ASSIGN_OR_RETURN(SafetensorsFile file, Parse(bytes, path, foreign));
  file.file_ = std::move(mapped);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::Parse(std::span<const std::byte> bytes, std::string name,
                                               ForeignTensors foreign) {
  SafetensorsFile file;
  file.name_ = std::move(name);
  file.bytes_ = bytes.size();
  VIVACE_RETURN_IF_ERROR(SafetensorsParser(bytes, file, foreign).Run());
  return file;
}

std::span<const std::byte> SafetensorsFile::header() const {
  if (!file_) return {};
  std::span<const std::byte> header = file_->bytes();
  for (const TensorView& tensor : tensors_) {
    if (tensor.data.data() < header.data() + header.size())
      header = header.first(static_cast<std::size_t>(tensor.data.data() - header.data()));
  }
  return header;
}

void SafetensorsFile::Release(std::span<const std::byte> bytes) const {
  if (file_) file_->Release(bytes);
}

}  // namespace vivace::checkpoint

#include "checkpoint/checkpoint_opener.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/status_macros.h"
#include "checkpoint/file_kind.h"
#include "checkpoint/gguf_types.h"

namespace vivace::checkpoint {
namespace {

constexpr std::string_view kOneFile = "model.safetensors";

bool IsFolder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// By the first bytes; kUnknown when the file cannot be read, which opening it will explain.
FileKind KindOfFile(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return FileKind::kUnknown;
  struct stat info {};
  std::array<std::byte, 64> bytes;
  ssize_t count = 0;
  if (::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
    count = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  }
  ::close(descriptor);
  return KindOf(std::span(bytes).first(static_cast<std::size_t>(std::max<ssize_t>(count, 0))));
}

// "<prefix>-00002-of-00003<suffix>": the prefix, or nothing for a name of another form.
std::optional<std::string_view> PartPrefix(std::string_view path, std::string_view suffix) {
  constexpr std::string_view kForm = "-00000-of-00000";
  if (!path.ends_with(suffix)) return std::nullopt;
  path.remove_suffix(suffix.size());
  if (path.size() < kForm.size()) return std::nullopt;
  const std::string_view number = path.substr(path.size() - kForm.size());
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool right = kForm[i] == '0' ? number[i] >= '0' && number[i] <= '9' : number[i] == kForm[i];
    if (!right) return std::nullopt;
  }
  return path.substr(0, path.size() - kForm.size());
}

std::string Joined(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    out += (i > 0 ? ", " : "") + Quoted(names[i]);
  }
  return names.size() > kMost ? out + fmt::format(" and {} more", names.size() - kMost) : out;
}

}  // namespace

Result<std::unique_ptr<Checkpoint>> Checkpoint::Open(const std::string& path, Contents contents) {
  return CheckpointOpener(path, contents).Run();
}

CheckpointOpener::CheckpointOpener(std::string path, Contents contents)
    : path_(std::move(path)), contents_(contents) {
  checkpoint_ = std::unique_ptr<Checkpoint>(new Checkpoint());
  checkpoint_->name_ = path_;
}

Result<std::unique_ptr<Checkpoint>> CheckpointOpener::Run() {
  VIVACE_RETURN_IF_ERROR(OpenPath());
  VIVACE_RETURN_IF_ERROR(checkpoint_->IndexTensors());
  if (contents_ == Contents::kAll) checkpoint_->AlignTensors();
  return std::move(checkpoint_);
}

// What a file is decides how it is read; its name only when the content says nothing.
Status CheckpointOpener::OpenPath() {
  if (IsFolder(path_)) return OpenFolder(path_);
  const std::string name = std::filesystem::path(path_).filename().string();
  if (IsFolderText(name) || name == SafetensorsIndex::kFileName) return OpenFolder(FolderOf(path_));
  const FileKind kind = KindOfFile(path_);
  const bool named_safetensors = path_.ends_with(".safetensors");
  if (kind == FileKind::kSafetensors || (kind != FileKind::kGguf && named_safetensors)) {
    return OpenBesideTexts(path_);
  }
  return OpenGguf(path_);
}

Status CheckpointOpener::OpenFolder(const std::string& path) {
  VIVACE_ASSIGN_OR_RETURN(const ModelFolder folder, ModelFolder::Open(path));
  VIVACE_ASSIGN_OR_RETURN(checkpoint_->texts_, ReadFolderTexts(folder));
  if (contents_ == Contents::kTexts && !checkpoint_->texts_.tokenizer.empty()) {
    checkpoint_->format_ = Format::kSafetensors;
    return Status::Ok();
  }
  const Status weights = OpenFolderWeights(folder);
  if (contents_ != Contents::kTexts || weights.code() != StatusCode::kNotFound) return weights;
  return NotFound(fmt::format("'{}' has no tokenizer.json: fetch it with the model", path));
}

Status CheckpointOpener::OpenFolderWeights(const ModelFolder& folder) {
  if (folder.Has(std::string(kOneFile))) {
    VIVACE_ASSIGN_OR_RETURN(const std::string file, folder.Resolve(std::string(kOneFile)));
    return OpenSafetensors(file);
  }
  if (folder.Has(std::string(SafetensorsIndex::kFileName))) return OpenShards(folder);
  return OpenOnlyModel(folder);
}

// A folder without the usual names: one .safetensors file, or one GGUF model of one or more parts.
Status CheckpointOpener::OpenOnlyModel(const ModelFolder& folder) {
  std::vector<std::string> names = folder.Names(".safetensors");
  if (names.size() == 1 && !PartPrefix(names[0], ".safetensors")) {
    VIVACE_ASSIGN_OR_RETURN(const std::string file, folder.Resolve(names[0]));
    return OpenSafetensors(file);
  }
  if (!names.empty() && PartPrefix(names[0], ".safetensors")) {
    return NotFound(fmt::format("{}: has the part {} of a model but no {}: fetch it", folder.path(),
                                Quoted(names[0]), SafetensorsIndex::kFileName));
  }
  if (names.empty()) {
    for (std::string& name : folder.Names(".gguf")) {
      const auto prefix = PartPrefix(name, ".gguf");
      const bool later_part = prefix && name.substr(prefix->size(), 6) != "-00001";
      if (!later_part) names.push_back(std::move(name));
    }
    if (names.size() == 1) {
      VIVACE_ASSIGN_OR_RETURN(const std::string file, folder.Resolve(names[0]));
      checkpoint_->texts_ = {};  // a GGUF file describes itself
      // Parts are found by name: the names of a cache's blobs say nothing.
      return OpenGguf(PartPrefix(names[0], ".gguf") ? folder.path() + "/" + names[0] : file);
    }
  }
  if (names.size() > 1) {
    return InvalidArgument(
        fmt::format("{}: has several models, {}: name one of them", folder.path(), Joined(names)));
  }
  return ExplainFolder(folder);
}

Status CheckpointOpener::ExplainFolder(const ModelFolder& folder) const {
  for (const std::string_view suffix : {".bin", ".pt", ".pth"}) {
    const auto names = folder.Names(suffix);
    if (names.empty()) continue;
    return Unsupported(
        fmt::format("{}: has no weights in safetensors or GGUF but {}: that is a PyTorch checkpoint (a "
                    "pickle, which can run code "
                    "when it is read): convert it to safetensors",
                    folder.path(), Quoted(names[0])));
  }
  return NotFound(fmt::format(
      "{}: has no weights: looked for {}, {}, one other .safetensors file, one GGUF model: check the path",
      folder.path(), kOneFile, SafetensorsIndex::kFileName));
}

Status CheckpointOpener::OpenSafetensors(const std::string& path) {
  checkpoint_->format_ = Format::kSafetensors;
  if (contents_ == Contents::kTexts) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path, foreign()));
  checkpoint_->AddSafetensors(std::move(file));
  return Status::Ok();
}

// A file that the user names may lie anywhere; the texts are those of the folder that it was named in.
Status CheckpointOpener::OpenBesideTexts(const std::string& path) {
  if (KindOfFile(path) == FileKind::kSafetensors) {
    VIVACE_ASSIGN_OR_RETURN(const ModelFolder folder, ModelFolder::Open(FolderOf(path)));
    VIVACE_ASSIGN_OR_RETURN(checkpoint_->texts_, ReadFolderTexts(folder));
    if (PartPrefix(path, ".safetensors") && folder.Has(std::string(SafetensorsIndex::kFileName))) {
      return OpenShards(folder);
    }
  }
  return OpenSafetensors(path);
}

Status CheckpointOpener::OpenShards(const ModelFolder& folder) {
  checkpoint_->format_ = Format::kSafetensors;
  VIVACE_ASSIGN_OR_RETURN(const std::string path, folder.Resolve(std::string(SafetensorsIndex::kFileName)));
  VIVACE_ASSIGN_OR_RETURN(std::string text, ReadText(path, SafetensorsIndex::kMaxBytes));
  VIVACE_ASSIGN_OR_RETURN(const SafetensorsIndex index,
                          SafetensorsIndex::Parse(std::move(text), fmt::format("{}/{}", folder.path(),
                                                                               SafetensorsIndex::kFileName)));
  if (contents_ == Contents::kTexts) return Status::Ok();
  std::vector<std::string> missing;
  for (const std::string& file : index.files()) {
    const auto resolved = folder.Resolve(file);
    if (!resolved.ok() && resolved.status().code() == StatusCode::kNotFound) {
      missing.push_back(file);
    } else {
      VIVACE_RETURN_IF_ERROR(resolved.status());
    }
  }
  if (!missing.empty()) {
    return NotFound(fmt::format("{}: {} of its {} files are missing: {}: fetch them", index.name(),
                                missing.size(), index.files().size(), Joined(missing)));
  }
  for (const std::string& file : index.files()) VIVACE_RETURN_IF_ERROR(OpenShard(folder, file));
  return CheckIndex(index);
}

Status CheckpointOpener::OpenShard(const ModelFolder& folder, const std::string& file) {
  VIVACE_ASSIGN_OR_RETURN(const std::string path, folder.Resolve(file));
  if (std::find(shard_paths_.begin(), shard_paths_.end(), path) != shard_paths_.end()) {
    return DataLoss(fmt::format("{}: {} is one of its other files under a second name: fetch the model again",
                                folder.path(), Quoted(file)));
  }
  shard_paths_.push_back(path);
  VIVACE_ASSIGN_OR_RETURN(SafetensorsFile shard, SafetensorsFile::Open(path, foreign()));
  checkpoint_->AddSafetensors(std::move(shard));
  return Status::Ok();
}

// Every tensor of the index must be where the index says; with foreign tensors it is only a description.
Status CheckpointOpener::CheckIndex(const SafetensorsIndex& index) const {
  if (contents_ != Contents::kAll) return Status::Ok();
  VIVACE_RETURN_IF_ERROR(checkpoint_->IndexTensors());
  for (const SafetensorsIndex::Entry& entry : index.entries()) {
    const auto found = checkpoint_->FindIndex(entry.tensor);
    if (found && checkpoint_->tensor_files_[*found] == entry.file) continue;
    return DataLoss(fmt::format("{}: tensor {} is not in {}: fetch the model again", index.name(),
                                Quoted(entry.tensor),
                                Quoted(index.files()[static_cast<std::size_t>(entry.file)])));
  }
  return Status::Ok();
}

Status CheckpointOpener::OpenGguf(const std::string& path) {
  checkpoint_->format_ = Format::kGguf;
  VIVACE_ASSIGN_OR_RETURN(GgufFile file, GgufFile::Open(path, foreign()));
  constexpr std::int64_t kMostParts = 1024;
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t count, file.IntegerOr("split.count", 1, 0, kMostParts));
  if (count > 1) return OpenGgufParts(std::move(file), path, count);
  checkpoint_->AddGguf(std::move(file));
  return Status::Ok();
}

// `opened` is any part. The parts are numbered from 0 in their metadata and from 1 in their names.
Status CheckpointOpener::OpenGgufParts(GgufFile opened, const std::string& path, std::int64_t count) {
  const auto prefix = PartPrefix(path, ".gguf");
  const auto name_of = [&](std::int64_t part) {
    return fmt::format("{}-{:05}-of-{:05}.gguf", prefix.value_or(""), part + 1, count);
  };
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t number, opened.Integer("split.no", 0, count - 1));
  if (!prefix || path != name_of(number)) {
    return DataLoss(fmt::format(
        "{}: is part {} of {}, so its name must end in -{:05}-of-{:05}.gguf: give the parts the names "
        "that they were made with",
        path, number + 1, count, number + 1, count));
  }
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t wanted, opened.IntegerOr("split.tensors.count", -1));
  for (std::int64_t part = 0; part < count; ++part) {
    auto file = GgufFile::Open(name_of(part), foreign());
    if (!file.ok() && file.status().code() == StatusCode::kNotFound) {
      return NotFound(fmt::format("{}: is missing, part {} of {}: fetch it", name_of(part), part + 1, count));
    }
    VIVACE_RETURN_IF_ERROR(file.status());
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t own_number, file->Integer("split.no"));
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t own_count, file->Integer("split.count"));
    if (own_number != part || own_count != count) {
      return DataLoss(fmt::format("{}: says that it is part {} of {} instead of {} of {}: fetch it again",
                                  name_of(part), own_number + 1, own_count, part + 1, count));
    }
    checkpoint_->AddGguf(std::move(file).value());
  }
  const auto found = static_cast<std::int64_t>(checkpoint_->tensors_.size() + checkpoint_->foreign_.size());
  if (wanted >= 0 && wanted != found) {
    return DataLoss(fmt::format("{}: its parts have {} tensors together instead of {}: fetch them again",
                                path, found, wanted));
  }
  return Status::Ok();
}

}  // namespace vivace::checkpoint

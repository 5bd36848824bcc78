// vivace::TextModel: finds the files of a path and puts a ModelText on them.
#include "vivace/text_model.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>
#include <utility>

#include "base/mapped_file.h"
#include "base/status_macros.h"
#include "engine/model_text.h"

namespace vivace {

struct TextModel::Impl {
  std::optional<checkpoint::GgufFile> file;  // before text, which points into it
  std::optional<engine::ModelText> text;
};

namespace {

// Empty when there is no such file.
Status ReadIfThere(const std::string& path, std::string& text) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || info.st_size == 0) return Status::Ok();
  VIVACE_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(path));
  text.assign(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  return Status::Ok();
}

// `tokenizer` is the path of tokenizer.json; the others lie beside it.
Result<checkpoint::FolderTexts> ReadTexts(const std::string& folder, const std::string& tokenizer) {
  checkpoint::FolderTexts texts;
  VIVACE_RETURN_IF_ERROR(ReadIfThere(tokenizer, texts.tokenizer));
  VIVACE_RETURN_IF_ERROR(ReadIfThere(folder + "/config.json", texts.config));
  VIVACE_RETURN_IF_ERROR(ReadIfThere(folder + "/generation_config.json", texts.generation_config));
  VIVACE_RETURN_IF_ERROR(ReadIfThere(folder + "/tokenizer_config.json", texts.tokenizer_config));
  VIVACE_RETURN_IF_ERROR(ReadIfThere(folder + "/special_tokens_map.json", texts.special_tokens_map));
  VIVACE_RETURN_IF_ERROR(ReadIfThere(folder + "/chat_template.jinja", texts.chat_template));
  return texts;
}

bool IsFolder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

TextModel::TextModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextModel::~TextModel() = default;

Result<std::unique_ptr<TextModel>> TextModel::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  const bool folder = IsFolder(path);
  if (folder || path.ends_with(".json")) {
    if (!folder) VIVACE_RETURN_IF_ERROR(base::MappedFile::Open(path).status());
    VIVACE_ASSIGN_OR_RETURN(
        const checkpoint::FolderTexts texts,
        folder ? ReadTexts(path, path + "/tokenizer.json") : ReadTexts(FolderOf(path), path));
    VIVACE_ASSIGN_OR_RETURN(engine::TextSource source, engine::ReadFolderText(texts, path));
    impl->text.emplace(std::move(source), path);
  } else {
    VIVACE_ASSIGN_OR_RETURN(impl->file, checkpoint::GgufFile::Open(path));
    VIVACE_ASSIGN_OR_RETURN(engine::TextSource source, engine::ReadGgufText(*impl->file));
    impl->text.emplace(std::move(source), path);
  }
  return std::unique_ptr<TextModel>(new TextModel(std::move(impl)));
}

int TextModel::vocabulary() const {
  return impl_->text->tokenizer().size();
}

Result<std::vector<std::int32_t>> TextModel::Tokenize(std::string_view text, bool add_bos,
                                                      bool parse_special) const {
  return impl_->text->Tokenize(text, add_bos, parse_special);
}

Result<std::string> TextModel::Detokenize(const std::vector<std::int32_t>& tokens, bool skip_special) const {
  const int size = vocabulary();
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= size) {
      return InvalidArgument(fmt::format("token {}: ids of this model are 0 to {}", token, size - 1));
    }
  }
  return impl_->text->tokenizer().Decode(tokens, skip_special);
}

Result<std::vector<std::int32_t>> TextModel::RenderChat(const ChatPrompt& prompt) const {
  return impl_->text->RenderChat(prompt);
}

}  // namespace vivace

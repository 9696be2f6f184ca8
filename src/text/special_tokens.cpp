#include "text/special_tokens.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "io/file.h"

#include <algorithm>
#include <array>
#include <limits>

namespace nepenthe::text {

namespace {

constexpr std::uint64_t kLargestFile = 64u << 20;

// The defaults of the classes that the families' models come with; "" stands for a default of none.
struct ClassDefault {
    std::string_view name, bos, eos;
};
constexpr std::array kClassDefaults = {
    ClassDefault{"GPT2Tokenizer", "<|endoftext|>", "<|endoftext|>"},
    ClassDefault{"GPTNeoXTokenizer", "<|endoftext|>", "<|endoftext|>"},
    ClassDefault{"CodeGenTokenizer", "<|endoftext|>", "<|endoftext|>"},
    ClassDefault{"LlamaTokenizer", "<s>", "</s>"},
    ClassDefault{"CodeLlamaTokenizer", "<s>", "</s>"},
    ClassDefault{"GemmaTokenizer", "<bos>", "<eos>"},
    ClassDefault{"Qwen2Tokenizer", "", "<|endoftext|>"},
    ClassDefault{"BertTokenizer", "", ""},
};

struct ClassOfModel {
    std::string_view model_type, tokenizer;
};
constexpr std::array kClassOfModel = {
    ClassOfModel{"gpt2", "GPT2Tokenizer"},   ClassOfModel{"gpt_neo", "GPT2Tokenizer"},
    ClassOfModel{"gptj", "GPT2Tokenizer"},   ClassOfModel{"gpt_neox", "GPTNeoXTokenizer"},
    ClassOfModel{"phi", "GPT2Tokenizer"},    ClassOfModel{"gemma3", "GemmaTokenizer"},
    ClassOfModel{"qwen2", "Qwen2Tokenizer"}, ClassOfModel{"gemma3_text", "GemmaTokenizer"},
    ClassOfModel{"qwen3", "Qwen2Tokenizer"}, ClassOfModel{"bert", "BertTokenizer"},
};

// The object in a file, an empty one where there is no such file.
Json read_object(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return Json::object();
    Json json = parse_json(io::read_file(path, kLargestFile), path.string());
    if (!json.is_object()) fail(ErrorKind::kData, "{}: not a JSON object", path.string());
    return json;
}

std::string text_field(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

class SpecialTokensReader {
  public:
    SpecialTokensReader(const std::filesystem::path& folder, const TokenTable& tokens)
        : tokens_(tokens),
          settings_(read_object(folder / "tokenizer_config.json")),
          generation_(read_object(folder / "generation_config.json")),
          model_(read_object(folder / "config.json")) {
        if (settings_.contains("added_tokens_decoder")) return;
        const Json map = read_object(folder / "special_tokens_map.json");
        for (const char* key : {"bos_token", "eos_token"}) {
            if (map.contains(key)) settings_[key] = map[key];
        }
    }

    SpecialTokens read(const std::string& folder) {
        SpecialTokens special;
        special.bos = token("bos_token", class_default().bos, ids("bos_token_id"));
        const std::vector<TokenId> ends = ids("eos_token_id");
        special.eos = token("eos_token", class_default().eos, ends);
        special.ends = ends;
        if (special.eos) special.ends.push_back(*special.eos);
        std::ranges::sort(special.ends);
        const auto repeated = std::ranges::unique(special.ends);
        special.ends.erase(repeated.begin(), repeated.end());
        problems_.throw_if_any(ErrorKind::kData, folder);
        return special;
    }

  private:
    struct Default {
        std::optional<std::string_view> bos, eos;
    };

    Default class_default() const {
        std::string name = text_field(settings_, "tokenizer_class");
        if (name.empty()) name = text_field(model_, "tokenizer_class");
        if (name.ends_with("Fast")) name.resize(name.size() - 4);
        if (name.empty()) {
            const auto found =
                std::ranges::find(kClassOfModel, text_field(model_, "model_type"), &ClassOfModel::model_type);
            if (found != kClassOfModel.end()) name = found->tokenizer;
        }
        const auto found = std::ranges::find(kClassDefaults, name, &ClassDefault::name);
        if (found == kClassDefaults.end()) return {};
        return {found->bos, found->eos};
    }

    std::optional<TokenId> token(const char* key, std::optional<std::string_view> fallback,
                                 const std::vector<TokenId>& ids) {
        if (const auto named = settings_.find(key); named != settings_.end()) return named_token(key, *named);
        if (fallback) {
            if (fallback->empty()) return std::nullopt;
            if (const auto id = tokens_.id_of(*fallback)) return id;
        }
        const auto known = std::ranges::find_if(ids, tokens_.contains);
        return known == ids.end() ? std::nullopt : std::optional(*known);
    }

    std::optional<TokenId> named_token(const char* key, Json token) {
        if (token.is_object()) token = token.value("content", Json());  // an AddedToken written out
        if (token.is_null() || token == "") return std::nullopt;
        if (!token.is_string()) {
            problems_.add("\"{}\" is neither a string nor an added token", key);
            return std::nullopt;
        }
        const auto id = tokens_.id_of(token.get<std::string>());
        // The reference gives it a new id, which no model has a row for.
        if (!id)
            log_warning("\"{}\" is \"{}\", which the tokenizer does not know: there is none", key,
                        token.get<std::string>());
        return id;
    }

    // All ids that generation_config.json and config.json give, in this order.
    std::vector<TokenId> ids(const char* key) {
        std::vector<const Json*> files{&generation_, &model_};
        if (const auto part = model_.find("text_config"); part != model_.end() && part->is_object()) {
            files.push_back(&*part);
        }
        std::vector<TokenId> all;
        for (const Json* file : files) {
            const auto found = file->find(key);
            if (found == file->end() || found->is_null()) continue;
            for (const Json& id : found->is_array() ? *found : Json::array({*found})) add_id(key, id, all);
        }
        return all;
    }

    // A negative id stands for none.
    void add_id(const char* key, const Json& id, std::vector<TokenId>& all) {
        constexpr std::uint64_t kLargest = std::numeric_limits<TokenId>::max();
        if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<std::uint64_t>() > kLargest)) {
            problems_.add("\"{}\" holds {}, which is no token id", key, id.dump().substr(0, 40));
        } else if (id.get<std::int64_t>() >= 0) {
            all.push_back(id.get<TokenId>());
        }
    }

    const TokenTable& tokens_;
    Json settings_, generation_, model_;
    Problems problems_;
};

}  // namespace

SpecialTokens read_special_tokens(const std::filesystem::path& folder, const TokenTable& tokens) {
    return SpecialTokensReader(folder, tokens).read(folder.string());
}

}  // namespace nepenthe::text

#include "io/text.h"
#include "pipelines/verb.h"

namespace nepenthe::pipelines {

Answer run_tokenize(const dist::Comm&, const Arguments& arguments) {
    std::filesystem::path folder, file;
    std::string text;
    bool special = false;
    Options options("tokenize", "token ids and byte offsets of a text",
                    "nepenthe tokenize --model gemma-3-270m --file book.txt --json");
    options.add("model", folder, "model folder, or a tokenizer.json");
    options.add("file", file, "UTF-8 text");
    options.add("text", text, "the text itself, instead of --file");
    options.add("special-tokens", special, "add BOS and whatever else the tokenizer's template adds");
    options.require("model");
    options.parse(arguments);
    if (options.given("file") == options.given("text")) {
        fail(ErrorKind::kUsage, "give --file or --text, one of them");
    }

    if (options.given("file")) text = io::read_text(file);
    const auto tokenizer = text::Tokenizer::load(folder);
    const text::Encoding encoding = tokenizer.encode(text, special);
    Json offsets = Json::array();
    Answer answer;
    for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
        offsets.push_back({encoding.offsets[i].begin, encoding.offsets[i].end});
        answer.text +=
            fmt::format("{}\t{}\t{}\n", encoding.ids[i], encoding.offsets[i].begin, tokenizer.token(encoding.ids[i]));
    }
    answer.json = {{"ids", encoding.ids}, {"offsets", offsets}};
    return answer;
}

}  // namespace nepenthe::pipelines

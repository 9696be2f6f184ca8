#include "pipelines/stage.h"
#include "unlearn/anchors/dictionary_check.h"

#include <optional>

namespace nepenthe::pipelines {

Answer run_anchors(const dist::Comm&, const Arguments& arguments) {
    std::string action = "check";
    std::filesystem::path dictionary_file, model;
    std::vector<std::filesystem::path> corpus;
    std::int64_t most_terms = 40;
    Options options("anchors", "what is wrong or risky in a dictionary of anchor terms",
                    "nepenthe anchors check --dictionary oz.json --corpus oz.txt --model gemma-3-270m");
    options.add("action", action, {"check"}, "what to do");
    options.add("dictionary", dictionary_file, "JSON {\"term\": [\"replacement\", …]}");
    options.add("corpus", corpus, "count how often terms occur here");
    options.add("model", model, "its tokenizer decides which terms the published scan cannot reach");
    options.add("terms", most_terms, "how many of the most frequent terms to list", 0);
    options.set_positional("action");
    options.require("dictionary");
    options.parse(arguments);
    Problems problems;
    if (corpus.empty()) options.refuse_unread({"terms"}, "with --corpus", problems);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    const unlearn::Dictionary dictionary = unlearn::read_dictionary(dictionary_file);
    std::optional<text::Tokenizer> tokenizer;
    if (!model.empty()) tokenizer = text::Tokenizer::load(model);
    const auto documents = read_corpus_documents(corpus, 0);
    const auto report =
        unlearn::check_dictionary(dictionary, tokenizer ? &*tokenizer : nullptr, corpus.empty() ? nullptr : &documents);
    if (!corpus.empty() && report.total_hits() == 0) {
        fail(ErrorKind::kData, "{}: none of its {} terms occurs in the corpus", dictionary_file.string(),
             dictionary.entries.size());
    }
    return {report.to_json(), report.to_text(static_cast<std::size_t>(most_terms))};
}

}  // namespace nepenthe::pipelines

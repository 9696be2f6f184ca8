#include "dist/guard.h"
#include "pipelines/anchors_find.h"
#include "pipelines/stage.h"
#include "unlearn/anchors/dictionary_check.h"
#include "unlearn/finding/entities.h"

#include <cstdlib>
#include <optional>

namespace nepenthe::pipelines {

namespace {

struct AnchorsRequest {
    std::string action = "check";
    std::filesystem::path dictionary, model;
    std::vector<std::filesystem::path> corpus;
    std::int64_t most_terms = 40;
    bool names_only = false;
    std::string entities = "none";
    std::string entities_python;
    FindFiles find;
};

const std::vector<std::string> kFindOptions{"out",         "least",      "accept",   "drop",           "pin",
                                            "accept-rest", "names-only", "entities", "entities-python"};

Options declare(AnchorsRequest& request) {
    Options options("anchors", "terms that give a corpus away: find them, check a dictionary of them",
                    "nepenthe anchors find --corpus oz.txt --out anchors.json");
    options.add("action", request.action, {"check", "find"}, "what to do");
    options.add("corpus", request.corpus, "texts to look in; for check, to count how often terms occur");
    options.add("out", request.find.out, "find: the file to write, and to keep what a review decided in it");
    options.add("least", request.find.request.rules.least, "find: occurrences of a term [0 = 2, more in large corpora]",
                0);
    options.add("accept", request.find.request.accept, "find: terms that belong into the dictionary");
    options.add("drop", request.find.request.drop, "find: terms that do not, nor come back");
    options.add("pin", request.find.request.pin, "find: terms that belong into it, found or not");
    options.add("accept-rest", request.find.request.accept_rest, "find: accept what nobody decided about");
    options.add("names-only", request.names_only, "find: no words in lower case");
    options.add("entities", request.entities, {"none", "spacy"}, "find: named entities beside what counting finds");
    options.add("entities-python", request.entities_python, "find: the Python with spaCy [that of the set-up]");
    options.add("dictionary", request.dictionary, "check: JSON {\"term\": [\"replacement\", …]}, or a file of find");
    options.add("model", request.model, "check: its tokenizer decides which terms the published scan cannot reach");
    options.add("terms", request.most_terms, "how many terms to list", 0);
    options.set_positional("action");
    return options;
}

void check_options(const Options& options, const AnchorsRequest& request) {
    Problems problems;
    if (request.action == "find") {
        options.refuse_unread({"dictionary", "model"}, "by check", problems);
        if (request.corpus.empty()) problems.add("--corpus is required: the texts to find terms in");
        if (request.find.out.empty()) problems.add("--out is required: the file to write");
        request.find.request.check(problems);
        if (request.entities == "none") options.refuse_unread({"entities-python"}, "with --entities spacy", problems);
    } else {
        options.refuse_unread(kFindOptions, "by find", problems);
        if (request.dictionary.empty()) problems.add("--dictionary is required");
        if (request.corpus.empty()) options.refuse_unread({"terms"}, "with --corpus", problems);
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

Answer check(const AnchorsRequest& request) {
    const unlearn::Dictionary dictionary = unlearn::read_dictionary(request.dictionary, unlearn::Unfinished::kKept);
    std::optional<text::Tokenizer> tokenizer;
    if (!request.model.empty()) tokenizer = text::Tokenizer::load(request.model);
    const auto documents = read_corpus_documents(request.corpus, 0);
    const auto report = unlearn::check_dictionary(dictionary, tokenizer ? &*tokenizer : nullptr,
                                                  request.corpus.empty() ? nullptr : &documents);
    if (!request.corpus.empty() && report.total_hits() == 0) {
        fail(ErrorKind::kData, "{}: none of its {} terms occurs in the corpus", request.dictionary.string(),
             dictionary.entries.size());
    }
    return {report.to_json(), report.to_text(static_cast<std::size_t>(request.most_terms))};
}

// The set-up's virtual environment, where there is one (scripts/setup.sh).
std::string python_of_the_set_up() {
    const char *deps = std::getenv("NEPENTHE_DEPS"), *home = std::getenv("HOME");
    std::filesystem::path folder;
    if (deps) {
        folder = deps;
    } else if (home) {
        folder = std::filesystem::path(home) / ".local/share/nepenthe";
    }
    const std::filesystem::path python = folder / "venv/bin/python";
    return std::filesystem::exists(python) ? python.string() : "python3";
}

}  // namespace

Answer run_anchors(const dist::Comm& comm, const Arguments& arguments) {
    AnchorsRequest request;
    Options options = declare(request);
    options.parse(arguments);
    check_options(options, request);
    if (request.action == "check") return check(request);
    request.find.request.rules.words = !request.names_only;
    std::optional<unlearn::EntityReader> entities;
    if (request.entities == "spacy") {
        dist::run_agreed(comm, "entities", [&] {
            entities.emplace(request.entities_python.empty() ? python_of_the_set_up() : request.entities_python);
        });
        request.find.request.entities = [&](std::string_view passage) { return entities->read(passage); };
        request.find.request.entities_by = entities->model();
    }
    return find_anchors(comm, request.find, read_corpus_documents(request.corpus, 0),
                        static_cast<std::size_t>(request.most_terms));
}

}  // namespace nepenthe::pipelines

#include "evaluate/benchmark_files.h"

#include "base/error.h"
#include "evaluate/python_strings.h"
#include "io/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nepenthe::evaluate {

namespace {

const Json& field(const Json& row, const char* name) {
    const auto found = row.find(name);
    if (found == row.end()) fail(ErrorKind::kData, "no field \"{}\"", name);
    return *found;
}

std::string text_of(const Json& row, const char* name) {
    const Json& value = field(row, name);
    if (!value.is_string()) fail(ErrorKind::kData, "\"{}\" is not a string", name);
    return value.get<std::string>();
}

// An index that some files write as a number and some as a string of digits; also true and false.
std::int64_t index_of(const Json& row, const char* name) {
    const Json& value = field(row, name);
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (value.is_string()) {
        const std::string digits = value.get<std::string>();
        if (digits.size() == 1 && digits[0] >= '0' && digits[0] <= '9') return digits[0] - '0';
    }
    fail(ErrorKind::kData, "\"{}\" is not an index", name);
}

std::vector<std::string> texts_of(const Json& row, const char* name) {
    const Json& list = field(row, name);
    const auto is_text = [](const Json& value) { return value.is_string(); };
    if (!list.is_array() || list.size() < 2 || !std::all_of(list.begin(), list.end(), is_text)) {
        fail(ErrorKind::kData, "\"{}\" is not a list of two or more strings", name);
    }
    return list.get<std::vector<std::string>>();
}

std::string without_prefix(std::string text, std::string_view prefix) {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string without_suffix(std::string text, std::string_view suffix) {
    return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

std::string after_space(std::string_view text) { return fmt::format(" {}", text); }

ChoiceItem question(std::string context, const std::vector<std::string>& choices, std::int64_t gold) {
    ChoiceItem item{{std::move(context)}, {}, gold};
    for (const std::string& choice : choices) item.continuations.push_back(after_space(choice));
    return item;
}

// {"choices": {"text": […], "label": […]}, "answerKey": …}: ARC and OpenBookQA.
ChoiceItem labelled_question(const Json& row, std::string context) {
    const Json& choices = field(row, "choices");
    if (!choices.is_object()) fail(ErrorKind::kData, "\"choices\" has neither \"text\" and \"label\" nor strings");
    const auto labels = texts_of(choices, "label");
    const std::string answer(strip(text_of(row, "answerKey")));
    const auto found = std::find(labels.begin(), labels.end(), answer);
    if (found == labels.end()) fail(ErrorKind::kData, "answerKey \"{}\" is no label", answer);
    return question(std::move(context), texts_of(choices, "text"), found - labels.begin());
}

ChoiceItem read_arc(const Json& row) {
    if (row.contains("question")) return labelled_question(row, "Question: " + text_of(row, "question") + "\nAnswer:");
    return question("Question: " + without_prefix(text_of(row, "query"), "Question: ") + "\nAnswer:",
                    texts_of(row, "choices"), index_of(row, "gold"));
}

ChoiceItem read_boolq(const Json& row) {
    if (row.contains("passage")) {
        return question(text_of(row, "passage") + "\nQuestion: " + text_of(row, "question") + "?\nAnswer:",
                        {"no", "yes"}, index_of(row, row.contains("label") ? "label" : "answer"));
    }
    return question(without_prefix(text_of(row, "query"), "Passage: ") + "\nAnswer:", {"no", "yes"},
                    index_of(row, "gold"));
}

// Where ctx_b begins in "ctx_a ctx_b": it is the unfinished sentence at the end, if there is one.
std::size_t unfinished_sentence(std::string_view context) {
    const std::string_view closing = "\"')]";
    const auto ends_sentence = [&](std::size_t end) {  // a full stop, then any closing marks, then `end`
        while (end > 0 && closing.find(context[end - 1]) != std::string_view::npos) --end;
        return end > 0 && (context[end - 1] == '.' || context[end - 1] == '!' || context[end - 1] == '?');
    };
    if (ends_sentence(strip_end(context).size())) return context.size();
    for (std::size_t space = context.size(); space-- > 1;) {
        if (context[space] != ' ' || !ends_sentence(space)) continue;
        const bool lower_case = space + 1 < context.size() && context[space + 1] >= 'a' && context[space + 1] <= 'z';
        return lower_case ? space + 1 : context.size();
    }
    return context.size();
}

ChoiceItem read_hellaswag(const Json& row) {
    std::string activity, first, second;
    if (row.contains("ctx_a")) {
        activity = text_of(row, "activity_label");
        first = text_of(row, "ctx_a");
        second = text_of(row, "ctx_b");
    } else {
        const std::string whole = text_of(row, "ctx");
        const std::size_t colon = whole.find(": ");
        if (colon == std::string::npos) fail(ErrorKind::kData, "\"ctx\" has no activity before \": \"");
        activity = whole.substr(0, colon);
        const std::string context = whole.substr(colon + 2);
        const std::size_t cut = unfinished_sentence(context);
        first = context.substr(0, cut);
        while (first.ends_with(' ')) first.pop_back();
        second = context.substr(cut);
    }
    std::vector<std::string> endings = texts_of(row, "endings");
    for (std::string& ending : endings) ending = clean_hellaswag(ending);
    return question(clean_hellaswag(activity + ": " + first + after_space(capitalize(second))), endings,
                    index_of(row, "label"));
}

ChoiceItem read_openbookqa(const Json& row) {
    if (row.contains("question_stem")) return labelled_question(row, text_of(row, "question_stem"));
    return question(text_of(row, "query"), texts_of(row, "choices"), index_of(row, "gold"));
}

ChoiceItem read_piqa(const Json& row) {
    if (row.contains("goal")) {
        return question("Question: " + text_of(row, "goal") + "\nAnswer:", {text_of(row, "sol1"), text_of(row, "sol2")},
                        index_of(row, "label"));
    }
    return question(
        "Question: " + without_suffix(without_prefix(text_of(row, "query"), "Question: "), "\n") + "\nAnswer:",
        texts_of(row, "choices"), index_of(row, "gold"));
}

ChoiceItem read_winogrande(const Json& row) {
    if (row.contains("sentence")) {
        const std::string sentence = text_of(row, "sentence");
        const std::size_t blank = sentence.find('_');
        if (blank == std::string::npos) fail(ErrorKind::kData, "\"sentence\" has no \"_\"");
        const std::string before = sentence.substr(0, blank);
        const std::string after = after_space(strip(std::string_view(sentence).substr(blank + 1)));
        return {{before + text_of(row, "option1"), before + text_of(row, "option2")},
                {after, after},
                index_of(row, "answer") - 1};
    }
    const std::string after = after_space(strip(text_of(row, "continuation")));
    const auto contexts = texts_of(row, "context_options");
    return {contexts, std::vector<std::string>(contexts.size(), after), index_of(row, "gold")};
}

ChoiceItem read_lambada(const Json& row) {
    if (row.contains("context")) return {{text_of(row, "context")}, {after_space(text_of(row, "continuation"))}, 0};
    const std::string text = text_of(row, "text");
    const std::size_t space = text.rfind(' ');
    if (space == std::string::npos) fail(ErrorKind::kData, "\"text\" has one word only");
    return {{text.substr(0, space)}, {text.substr(space)}, 0};
}

ChoiceItem read_cola(const Json& row) {
    return question(text_of(row, "sentence") + "\nQuestion: Does this sentence make sense?\nAnswer:", {"no", "yes"},
                    index_of(row, "label"));
}

ChoiceItem read_sst2(const Json& row) {
    return question(text_of(row, "sentence") + "\nQuestion: Is this sentence positive or negative?\nAnswer:",
                    {"negative", "positive"}, index_of(row, "label"));
}

ChoiceItem read_mrpc(const Json& row) {
    return question("Sentence 1: " + text_of(row, "sentence1") + "\nSentence 2: " + text_of(row, "sentence2") +
                        "\nQuestion: Do both sentences mean the same thing?\nAnswer:",
                    {"no", "yes"}, index_of(row, "label"));
}

ChoiceItem read_qqp(const Json& row) {
    return question("Question 1: " + text_of(row, "question1") + "\nQuestion 2: " + text_of(row, "question2") +
                        "\nQuestion: Do both questions ask the same thing?\nAnswer:",
                    {"no", "yes"}, index_of(row, "label"));
}

ChoiceItem read_mnli(const Json& row) {
    std::string hypothesis(strip(text_of(row, "hypothesis")));
    if (!hypothesis.ends_with('.')) hypothesis += '.';
    return question(text_of(row, "premise") + "\nQuestion: " + hypothesis + " True, False or Neither?\nAnswer:",
                    {"True", "Neither", "False"}, index_of(row, "label"));
}

ChoiceItem read_qnli(const Json& row) {
    return question(text_of(row, "question") + "\n" + text_of(row, "sentence") +
                        "\nQuestion: Does this response answer the question?\nAnswer:",
                    {"yes", "no"}, index_of(row, "label"));
}

std::string follows(const Json& row) {
    return text_of(row, "sentence1") + "\nQuestion: " + text_of(row, "sentence2") + " True or False?\nAnswer:";
}

ChoiceItem read_rte(const Json& row) { return question(follows(row), {"True", "False"}, index_of(row, "label")); }

ChoiceItem read_wnli(const Json& row) { return question(follows(row), {"False", "True"}, index_of(row, "label")); }

ChoiceItem read_wmdp_bio(const Json& row) { return lettered_question(row, about_subject("biology")); }
ChoiceItem read_wmdp_chem(const Json& row) { return lettered_question(row, about_subject("chemistry")); }
ChoiceItem read_wmdp_cyber(const Json& row) { return lettered_question(row, about_subject("cybersecurity")); }

ChoiceItem read_mmlu(const Json& row) {
    const std::string subject = text_of(row, "subject");
    if (strip(subject).empty()) fail(ErrorKind::kData, "\"subject\" is empty");
    return lettered_question(row, about_subject(subject));
}

}  // namespace

std::string about_subject(std::string subject) {
    std::replace(subject.begin(), subject.end(), '_', ' ');
    return "The following are multiple choice questions (with answers) about " + subject + ".";
}

ChoiceItem lettered_question(const Json& row, const std::string& intro) {
    const std::vector<std::string> letters{"A", "B", "C", "D"}, choices = texts_of(row, "choices");
    if (choices.size() != letters.size()) fail(ErrorKind::kData, "{} choices, not four", choices.size());
    std::string context = intro + "\n\n";
    context += strip(text_of(row, "question"));
    for (std::size_t i = 0; i < choices.size(); ++i) context += "\n" + letters[i] + ". " + choices[i];
    const Json& answer = field(row, "answer");
    const auto letter =
        answer.is_string() ? std::find(letters.begin(), letters.end(), answer.get<std::string>()) : letters.end();
    return question(context + "\nAnswer:", letters,
                    letter != letters.end() ? letter - letters.begin() : index_of(row, "answer"));
}

std::string clean_hellaswag(std::string_view text) {
    std::string cleaned = replace_all(strip(text), " [title]", ". ");
    // Brackets are WikiHow's mark-up; a pair on one line goes with what it holds.
    for (std::size_t open = cleaned.find('['); open != std::string::npos; open = cleaned.find('[', open)) {
        const std::size_t close = cleaned.find_first_of("]\n", open);
        if (close == std::string::npos || cleaned[close] == '\n') {
            ++open;
        } else {
            cleaned.erase(open, close - open + 1);
        }
    }
    return replace_all(cleaned, "  ", " ");
}

const std::vector<Benchmark>& benchmarks() {
    static const std::vector<std::string> acc = {"acc"}, acc_norm = {"acc", "acc_norm"};
    static const std::vector<Benchmark> list = {
        {"arc_easy", "ARC, easy set: grade-school science questions", false, acc_norm, {"arc_easy.jsonl"}, read_arc},
        {"arc_challenge", "ARC, challenge set", false, acc_norm, {"arc_challenge.jsonl"}, read_arc},
        {"boolq", "BoolQ: yes or no about a passage", false, acc, {"boolq.jsonl"}, read_boolq},
        {"hellaswag",
         "HellaSwag: which ending follows",
         false,
         acc_norm,
         {"hellaswag.jsonl", "hellaswag/hellaswag_val.jsonl", "hellaswag/hellaswag_val_full.derived.jsonl"},
         read_hellaswag},
        {"openbookqa",
         "OpenBookQA without the book",
         false,
         acc_norm,
         {"openbookqa.jsonl", "openbook_qa.jsonl"},
         read_openbookqa},
        {"piqa", "PIQA: which way of doing it works", false, acc_norm, {"piqa.jsonl"}, read_piqa},
        {"winogrande", "WinoGrande: whom the sentence means", false, acc, {"winogrande.jsonl"}, read_winogrande},
        {"lambada_openai",
         "LAMBADA: the last word of a passage",
         true,
         {"perplexity", "acc"},
         {"lambada_openai.jsonl", "lambada.jsonl"},
         read_lambada},
        {"cola", "GLUE: is a sentence English", false, {"mcc", "acc"}, {"glue/cola.jsonl"}, read_cola},
        {"sst2", "GLUE: is a review kind", false, acc, {"glue/sst2.jsonl"}, read_sst2},
        {"mrpc", "GLUE: do two sentences say the same", false, {"acc", "f1"}, {"glue/mrpc.jsonl"}, read_mrpc},
        {"qqp", "GLUE: do two questions ask the same", false, {"acc", "f1"}, {"glue/qqp.jsonl"}, read_qqp},
        {"mnli", "GLUE: does it follow, matched genres", false, acc, {"glue/mnli.jsonl"}, read_mnli},
        {"mnli_mismatch", "GLUE: the same, other genres", false, acc, {"glue/mnli_mismatch.jsonl"}, read_mnli},
        {"qnli", "GLUE: does a sentence answer a question", false, acc, {"glue/qnli.jsonl"}, read_qnli},
        {"rte", "GLUE: does it follow", false, acc, {"glue/rte.jsonl"}, read_rte},
        {"wnli", "GLUE: does it follow, by what a pronoun means", false, acc, {"glue/wnli.jsonl"}, read_wnli},
        {"wmdp_bio", "WMDP: hazardous knowledge, biology", false, acc, {"wmdp/bio.jsonl"}, read_wmdp_bio},
        {"wmdp_chem", "WMDP: chemistry", false, acc, {"wmdp/chem.jsonl"}, read_wmdp_chem},
        {"wmdp_cyber", "WMDP: cybersecurity", false, acc, {"wmdp/cyber.jsonl"}, read_wmdp_cyber},
        {"mmlu",
         "MMLU, zero-shot: all questions of the file, whatever their subjects",
         false,
         acc,
         {"mmlu/all.jsonl", "mmlu.jsonl"},
         read_mmlu},
    };
    return list;
}

const Benchmark* find_benchmark(std::string_view name) {
    const auto found = std::find_if(benchmarks().begin(), benchmarks().end(),
                                    [&](const Benchmark& benchmark) { return benchmark.name == name; });
    return found == benchmarks().end() ? nullptr : &*found;
}

std::filesystem::path benchmark_file(const Benchmark& benchmark, const std::filesystem::path& data) {
    for (const std::string& name : benchmark.file_names) {
        if (std::error_code error; std::filesystem::is_regular_file(data / name, error)) return data / name;
    }
    return {};
}

std::vector<ChoiceItem> read_benchmark(const Benchmark& benchmark, const std::filesystem::path& file,
                                       std::int64_t limit) {
    std::vector<ChoiceItem> items;
    Problems problems;
    io::for_each_json_line(file, [&](std::size_t line, const Json& row) {
        if (limit > 0 && std::cmp_greater_equal(items.size(), limit)) return;
        try {
            if (!row.is_object()) fail(ErrorKind::kData, "not a JSON object");
            ChoiceItem item = benchmark.read(row);
            if (item.gold < 0 || std::cmp_greater_equal(item.gold, item.continuations.size())) {
                fail(ErrorKind::kData, "the answer {} is not one of {} choices", item.gold, item.continuations.size());
            }
            items.push_back(std::move(item));
        } catch (const Error& error) {
            problems.add("line {}: {}", line, error.what());
        }
    });
    problems.throw_if_any(ErrorKind::kData, fmt::format("{} is not a {} file", file.string(), benchmark.name));
    if (items.empty()) fail(ErrorKind::kData, "{} holds no items", file.string());
    return items;
}

}  // namespace nepenthe::evaluate

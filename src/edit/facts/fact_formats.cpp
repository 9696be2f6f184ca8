#include "edit/facts/fact_formats.h"

#include "base/error.h"
#include "edit/facts/prompt_groups.h"
#include "edit/facts/proper_names.h"
#include "io/json_records.h"
#include "text/joined_text.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace nepenthe::edit {

namespace {

constexpr std::size_t kQuestionsAnAuthor = 20;  // TOFU

// Takes fields out of a record; what is missing or of another type is collected. What was not taken remains.
class Fields {
  public:
    explicit Fields(Json record) : rest_(std::move(record)) {}

    std::string text(const char* name) { return take_text(name, true); }
    std::string optional_text(const char* name) { return take_text(name, false); }

    // A list of texts, or one text; empty where the field is absent.
    std::vector<std::string> texts(const char* name) {
        const Json value = take(name);
        if (value.is_null()) return {};
        if (value.is_string()) return {value.get<std::string>()};
        std::vector<std::string> list;
        for (const Json& one : value.is_array() ? value : Json::array({value})) {
            if (!one.is_string()) {
                problems_.push_back(fmt::format("\"{}\" is no list of texts", name));
                return {};
            }
            list.push_back(one.get<std::string>());
        }
        return list;
    }

    // A text or an integer as text.
    std::string id(const char* name) {
        const Json value = take(name);
        if (value.is_null()) return "";
        if (value.is_string() && !io::is_blank(value.get<std::string>())) return value.get<std::string>();
        if (value.is_number_integer()) return value.dump();
        problems_.push_back(fmt::format("\"{}\" is neither a text nor an integer", name));
        return "";
    }

    bool has(const char* name) const { return rest_.contains(name); }

    Json take(const char* name) {
        const auto found = rest_.find(name);
        if (found == rest_.end()) return nullptr;
        Json value = std::move(*found);
        rest_.erase(found);
        return value;
    }

    void complain(std::string problem) { problems_.push_back(std::move(problem)); }
    bool fine() const { return problems_.empty(); }
    void throw_if_bad() const {
        if (!problems_.empty()) fail(ErrorKind::kData, "{}", fmt::join(problems_, "; "));
    }
    Json rest() && { return std::move(rest_); }

  private:
    std::string take_text(const char* name, bool required) {
        const Json value = take(name);
        if (value.is_null() && !required) return "";
        if (value.is_null()) {
            problems_.push_back(fmt::format("no \"{}\"", name));
        } else if (!value.is_string()) {
            problems_.push_back(fmt::format("\"{}\" is not a text", name));
        } else if (required && io::is_blank(value.get_ref<const std::string&>())) {
            problems_.push_back(fmt::format("\"{}\" is empty", name));
        } else {
            return value.get<std::string>();
        }
        return "";
    }

    Json rest_;
    std::vector<std::string> problems_;
};

std::size_t count_braces(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = text.find("{}"); at != std::string_view::npos; at = text.find("{}", at + 2)) ++count;
    return count;
}

// Of two fields the one that the record has.
const char* present(const Fields& fields, const char* usual, const char* other) {
    return !fields.has(usual) && fields.has(other) ? other : usual;
}

void take_subject(Fields& fields, Fact& fact, const char* sentence_name, const char* subject_name = "subject") {
    fact.subject = fields.text(subject_name);
    const std::string sentence = fields.text(sentence_name);
    if (!fields.fine()) return;
    if (!set_subject(fact, sentence, fact.subject)) {
        fields.complain(fmt::format("the subject \"{}\" is not in \"{}\"", fact.subject, sentence));
    }
}

// Prompts of our own form: a text beside a "target_true", or {"prompt", "answer", "kind"?}.
std::vector<Neighbour> take_neighbours(Fields& fields, const char* name, const std::string& target_true) {
    const Json list = fields.take(name);
    if (list.is_null()) return {};
    std::vector<Neighbour> neighbours;
    for (const Json& one : list.is_array() ? list : Json::array({list})) {
        Fields neighbour(one.is_object() ? one : Json{{"prompt", one}, {"answer", target_true}});
        const std::string prompt = neighbour.text("prompt"), answer = neighbour.text("answer");
        const std::string kind = neighbour.optional_text("kind");
        if (!neighbour.fine()) {
            fields.complain(fmt::format(
                "\"{}\" is no list of {{\"prompt\", \"answer\"}}, nor of prompts beside a \"target_true\"", name));
            return {};
        }
        neighbours.push_back({prompt, answer, kind});
    }
    return neighbours;
}

// KnowEdit's groups; those without an answer are counted.
std::vector<Neighbour> take_groups(Fields& fields, const char* name, Fact& fact) {
    try {
        PromptGroups groups = read_prompt_groups(fields.take(name));
        fact.unanswered += groups.unanswered;
        return std::move(groups.prompts);
    } catch (const Error& error) {
        fields.complain(fmt::format("\"{}\": {}", name, error.what()));
        return {};
    }
}

// design.md §5.
Fact from_json_lines(Fields& fields, const FactOptions& options) {
    Fact fact;
    fact.id = fields.id("id");
    const std::string prompt = fields.text("prompt");
    fact.subject = fields.optional_text("subject");
    const std::size_t braces = count_braces(prompt);
    if (braces > 1) {
        fields.complain(fmt::format("\"prompt\" has {} \"{{}}\" instead of one", braces));
    } else if (braces == 1) {
        fact.prompt = prompt;
        if (fact.subject.empty()) fields.complain("no \"subject\" for the \"{}\" of \"prompt\"");
    } else if (!fact.subject.empty()) {
        fields.complain("\"prompt\" has no \"{}\" where the subject goes");
    } else if (!io::is_blank(prompt)) {
        fact.subject_proposed = true;
        if (!set_subject(fact, prompt, propose_subject(prompt))) fields.complain("\"prompt\" names no subject");
    }
    fact.target_new =
        options.unlearning == UnlearningTarget::kNone ? fields.text("target_new") : fields.optional_text("target_new");
    fact.target_true = fields.optional_text("target_true");
    fact.paraphrases = fields.texts("paraphrases");
    fact.attribute_prompts = fields.texts("attribute_prompts");
    fact.generation_prompts = fields.texts("generation_prompts");
    fact.relation = fields.optional_text("relation");
    fact.neighbourhood = take_neighbours(fields, "neighbourhood", fact.target_true);
    fact.portability = take_neighbours(fields, "portability", "");
    return fact;
}

Fact from_counterfact(Fields& fields) {
    Fact fact;
    fact.id = fields.id("case_id");
    Json rewrite = fields.take("requested_rewrite");
    Fields request(rewrite.is_object() ? rewrite : Json::object());
    fact.subject = request.text("subject");
    fact.prompt = request.text("prompt");
    fact.relation = request.optional_text("relation_id");
    const auto target = [&](const char* name) {
        const Json value = request.take(name);
        if (value.is_object() && value.contains("str") && value["str"].is_string())
            return value["str"].get<std::string>();
        request.complain(fmt::format("no \"{}\" with a \"str\"", name));
        return std::string();
    };
    fact.target_new = target("target_new");
    fact.target_true = target("target_true");
    if (request.fine() && count_braces(fact.prompt) != 1) {
        request.complain(fmt::format("\"prompt\" has {} \"{{}}\" instead of one", count_braces(fact.prompt)));
    }
    try {
        request.throw_if_bad();
    } catch (const Error& error) {
        fields.complain(fmt::format("requested_rewrite: {}", error.what()));
    }
    fact.paraphrases = fields.texts("paraphrase_prompts");
    for (std::string& prompt : fields.texts("neighborhood_prompts")) {
        fact.neighbourhood.push_back({std::move(prompt), fact.target_true});
    }
    fact.attribute_prompts = fields.texts("attribute_prompts");
    fact.generation_prompts = fields.texts("generation_prompts");
    fact.portability = take_groups(fields, "portability", fact);
    fact.source["requested_rewrite"] = std::move(rewrite);  // holds the targets' Wikidata ids
    return fact;
}

// EasyEdit's CounterFact, and KnowEdit: WikiBio calls subject, prompt and target concept, text and labels.
Fact from_easyedit(Fields& fields) {
    Fact fact;
    fact.id = fields.id(present(fields, "case_id", "id"));
    take_subject(fields, fact, present(fields, "prompt", "text"), present(fields, "subject", "concept"));
    fact.target_new = fields.text(present(fields, "target_new", "labels"));
    const Json truth = fields.take("ground_truth");
    fact.target_true = first_answer(truth).value_or("");
    const bool texts = truth.is_null() || truth.is_string() || truth.is_array();
    if (!texts) fields.complain("\"ground_truth\" is neither a text nor a list of texts");
    fact.paraphrases = fields.texts(present(fields, "rephrase_prompt", "rephrase"));
    const auto prompts = fields.texts("locality_prompt"), answers = fields.texts("locality_ground_truth");
    if (prompts.size() != answers.size()) {
        fields.complain("\"locality_prompt\" and \"locality_ground_truth\" are not of one length");
    } else {
        for (std::size_t i = 0; i < prompts.size(); ++i) fact.neighbourhood.push_back({prompts[i], answers[i]});
    }
    for (Neighbour& neighbour : take_groups(fields, "locality", fact)) {
        fact.neighbourhood.push_back(std::move(neighbour));
    }
    fact.portability = take_groups(fields, "portability", fact);
    return fact;
}

Fact from_zsre(Fields& fields, const FactOptions& options) {
    const bool rome = options.zsre == ZsreConvention::kRome;
    Fact fact;
    fact.id = fields.id("id");
    take_subject(fields, fact, "src");
    const auto answers = fields.texts("answers");
    if (answers.empty() || io::is_blank(answers[0])) fields.complain("no \"answers\"");
    const std::string answer = answers.empty() ? "" : answers[0];
    const std::string alternative = rome ? fields.optional_text("alt") : fields.text("alt");
    fact.target_new = rome ? answer : alternative;
    fact.target_true = rome ? "" : answer;
    fact.paraphrases = fields.texts("rephrase");
    const std::string prompt = fields.optional_text("loc"), true_answer = fields.optional_text("loc_ans");
    if (!io::is_blank(prompt) && !io::is_blank(true_answer)) {
        fact.neighbourhood.push_back({rome ? prompt + "?" : prompt, true_answer});
    } else if (!io::is_blank(prompt)) {
        ++fact.unanswered;
    }
    fact.portability = take_groups(fields, "portability", fact);
    return fact;
}

Fact from_tofu(Fields& fields) {
    Fact fact;
    fact.id = fields.id("id");
    const std::string question = fields.text("question");
    fact.subject = fields.optional_text("subject");
    fact.subject_proposed = fact.subject.empty();
    if (fact.subject_proposed) fact.subject = propose_subject(question);
    if (fields.fine() && !set_subject(fact, question, fact.subject)) {
        fields.complain(fmt::format("the subject \"{}\" is not in \"{}\"", fact.subject, question));
    }
    fact.target_true = fields.text("answer");
    fact.paraphrases = fields.texts("paraphrased_question");
    return fact;
}

}  // namespace

FactFormat recognise_format(const Json& record) {
    if (record.contains("requested_rewrite")) return FactFormat::kCounterFact;
    if (record.contains("src")) return FactFormat::kZsre;
    if (record.contains("question")) return FactFormat::kTofu;
    const auto prompt = record.find("prompt");
    if (prompt != record.end() && prompt->is_string() && count_braces(prompt->get_ref<const std::string&>()) > 0) {
        return FactFormat::kJsonLines;
    }
    for (const char* name :
         {"ground_truth", "rephrase_prompt", "locality_prompt", "locality", "portability", "concept"}) {
        if (record.contains(name)) return FactFormat::kEasyEdit;
    }
    return FactFormat::kJsonLines;
}

Fact convert_record(const Json& record, FactFormat format, const FactOptions& options) {
    Fields fields(record);
    Fact fact;
    switch (format) {
        case FactFormat::kAuto: fail(ErrorKind::kInternal, "a record is read in one form");
        case FactFormat::kJsonLines: fact = from_json_lines(fields, options); break;
        case FactFormat::kCounterFact: fact = from_counterfact(fields); break;
        case FactFormat::kEasyEdit: fact = from_easyedit(fields); break;
        case FactFormat::kZsre: fact = from_zsre(fields, options); break;
        case FactFormat::kTofu: fact = from_tofu(fields); break;
    }
    if (count_braces(fact.subject) > 0) fields.complain("the subject holds \"{}\"");
    if (fields.fine() && count_braces(fact.prompt) != 1) fields.complain("the sentence holds a \"{}\" of its own");
    fields.throw_if_bad();
    Json rest = std::move(fields).rest();
    if (fact.source.is_object()) rest.update(fact.source);
    fact.source = std::move(rest);
    return fact;
}

bool set_subject(Fact& fact, const std::string& sentence, const std::string& subject) {
    std::size_t at = find_words(sentence, subject);
    if (at == std::string::npos) at = sentence.find(subject);
    if (at == std::string::npos || subject.empty()) return false;
    fact.subject = subject;
    fact.prompt = sentence.substr(0, at) + "{}" + sentence.substr(at + subject.size());
    return true;
}

void find_authors(std::vector<Fact>& facts) {
    for (std::size_t begin = 0; begin < facts.size(); begin += kQuestionsAnAuthor) {
        const std::size_t end = std::min(begin + kQuestionsAnAuthor, facts.size());
        std::vector<std::string> texts;
        for (std::size_t i = begin; i < end; ++i)
            texts.push_back(text::join_texts(facts[i].sentence(), facts[i].target_true).text);
        const std::string name = commonest_name(texts);
        if (name.empty()) continue;
        const std::string surname = name.substr(name.rfind(' ') + 1);
        for (std::size_t i = begin; i < end; ++i) {
            if (!facts[i].subject_proposed) continue;
            const std::string sentence = facts[i].sentence();
            for (const std::string& part : {name, surname}) {
                if (find_words(sentence, part) == std::string::npos) continue;
                set_subject(facts[i], sentence, part);
                facts[i].subject_proposed = false;
                break;
            }
        }
    }
}

}  // namespace nepenthe::edit

#include "edit/facts/facts.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "edit/facts/fact_formats.h"
#include "edit/facts/fact_names.h"
#include "edit/facts/unlearning_target.h"
#include "io/file.h"
#include "io/records.h"
#include "io/text.h"
#include "text/joined_text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <utility>

namespace nepenthe::edit {

namespace {

template <typename Value>
using NamedValues = std::vector<std::pair<std::string, Value>>;

const NamedValues<FactFormat> kFormats{{"auto", FactFormat::kAuto},
                                       {"jsonl", FactFormat::kJsonLines},
                                       {"counterfact", FactFormat::kCounterFact},
                                       {"easyedit", FactFormat::kEasyEdit},
                                       {"knowedit", FactFormat::kEasyEdit},
                                       {"counterfact-easyedit", FactFormat::kEasyEdit},
                                       {"zsre", FactFormat::kZsre},
                                       {"tofu", FactFormat::kTofu}};
const NamedValues<UnlearningTarget> kTargets{{"none", UnlearningTarget::kNone},
                                             {"dummy", UnlearningTarget::kDummy},
                                             {"incorrect", UnlearningTarget::kIncorrect},
                                             {"avoidant", UnlearningTarget::kAvoidant}};
const NamedValues<ZsreConvention> kConventions{{"rome", ZsreConvention::kRome},
                                               {"easyedit", ZsreConvention::kEasyEdit}};

template <typename Value>
std::vector<std::string> known_names(const NamedValues<Value>& known) {
    std::vector<std::string> names;
    for (const auto& [name, value] : known) names.push_back(name);
    return names;
}

template <typename Value>
Value parse_name(const std::string& what, const std::string& name, const NamedValues<Value>& known) {
    for (const auto& [each, value] : known) {
        if (each == name) return value;
    }
    fail(ErrorKind::kUsage, "unknown {} \"{}\"; choose {}", what, name, fmt::join(known_names(known), ", "));
}

void check_form(const std::string& form) {
    const std::size_t place = form.find("{}");
    if (place == std::string::npos || form.find("{}", place + 2) != std::string::npos) {
        fail(ErrorKind::kUsage, "the form of prompts is \"{}\"; it must hold \"{{}}\" once, where the prompt goes",
             form);
    }
}

// Every prompt in its form, without blanks at its end: they belong to what follows.
void put_into_form(Fact& fact, const std::string& form) {
    const std::size_t place = form.find("{}");
    const std::string before = form.substr(0, place), behind = form.substr(place + 2);
    const auto put = [&](std::string& prompt) {
        prompt = text::without_end_blanks(before + std::string(text::without_end_blanks(prompt)) + behind);
    };
    put(fact.prompt);
    for (auto* others : {&fact.neighbourhood, &fact.portability}) {
        for (Neighbour& other : *others) put(other.prompt);
    }
    for (auto* prompts : {&fact.paraphrases, &fact.attribute_prompts, &fact.generation_prompts}) {
        for (std::string& prompt : *prompts) put(prompt);
    }
}

// Turns records into facts one after another.
class FactReader {
  public:
    FactReader(const std::string& file, const FactOptions& options)
        : file_(file), options_(options), format_(options.format) {}

    // False once enough facts are read.
    bool read(std::size_t line, std::string_view bytes) {
        try {
            accept(line, io::parse_record(bytes));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            bad_.add(line, error.what());
        }
        // An author is found from all of the questions about him.
        const bool enough = options_.limit > 0 && std::cmp_greater_equal(facts_.size(), options_.limit);
        return !enough || format_ == FactFormat::kTofu;
    }

    FactFile finish(std::string digest) && {
        if (bad_.count() > 0 && !options_.skip_bad) {
            fail(ErrorKind::kData, "{}: {} bad record{}; correct them, or leave them out with --skip-bad\n  {}", file_,
                 bad_.count(), bad_.count() == 1 ? "" : "s", fmt::join(bad_.describe(), "\n  "));
        }
        if (bad_.count() > 0) log_warning("{}: {} bad records are left out", file_, bad_.count());
        if (facts_.empty()) fail(ErrorKind::kData, "{}: no fact in it", file_);
        if (format_ == FactFormat::kTofu) find_authors(facts_);
        if (options_.limit > 0 && std::cmp_greater(facts_.size(), options_.limit)) {
            facts_.resize(static_cast<std::size_t>(options_.limit));
        }
        std::size_t unanswered = 0;
        for (Fact& fact : facts_) {
            put_into_form(fact, options_.prompt_form);
            unanswered += fact.unanswered;
        }
        if (unanswered > 0) log_warning("{}: {} prompts without an answer are left out", file_, unanswered);
        return {std::move(facts_), std::move(digest), bad_.describe(), bad_.count(), unanswered};
    }

  private:
    void accept(std::size_t line, const Json& record) {
        if (format_ == FactFormat::kAuto) format_ = recognise_format(record);
        if (format_ == FactFormat::kTofu && options_.unlearning == UnlearningTarget::kNone) {
            fail(ErrorKind::kUsage,
                 "{}: TOFU's records say what is to be forgotten; choose what is to be said instead "
                 "with --target dummy, incorrect or avoidant",
                 file_);
        }
        Fact fact = convert_record(record, format_, options_);
        if (fact.id.empty()) fact.id = std::to_string(index_);
        ++index_;
        set_unlearning_target(fact, facts_.size(), options_);
        if (fact.target_new.find_first_not_of(" \t\r\n") == std::string::npos) {
            fail(ErrorKind::kData, "the new target is empty");
        }
        if (const auto [found, added] = lines_.emplace(fact.id, line); !added) {
            fail(ErrorKind::kData, "the id \"{}\" is that of line {}", fact.id, found->second);
        }
        facts_.push_back(std::move(fact));
    }

    std::string file_;
    const FactOptions& options_;
    FactFormat format_;
    std::size_t index_ = 0;  // of the record, which names it where it has no id
    std::map<std::string, std::size_t> lines_;
    std::vector<Fact> facts_;
    io::BadRecords bad_;
};

}  // namespace

std::string Fact::sentence() const {
    const std::size_t at = prompt.find("{}");
    return at == std::string::npos ? prompt : prompt.substr(0, at) + subject + prompt.substr(at + 2);
}

FactFile read_facts(const std::filesystem::path& path, const FactOptions& options) {
    check_form(options.prompt_form);
    const io::MappedFile file(path);
    std::string_view text = file.text();
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        fail(ErrorKind::kData, "{}: UTF-16; convert it with: iconv -f UTF-16 -t UTF-8", path.string());
    }
    if (text.starts_with(io::kByteOrderMark)) text.remove_prefix(io::kByteOrderMark.size());
    FactReader reader(path.string(), options);
    io::for_each_record(text, [&](std::size_t line, std::string_view bytes) { return reader.read(line, bytes); });
    return std::move(reader).finish(sha256_hex(file.text()));
}

FactFormat parse_fact_format(const std::string& name) { return parse_name("form of facts", name, kFormats); }
UnlearningTarget parse_unlearning_target(const std::string& name) { return parse_name("target", name, kTargets); }
ZsreConvention parse_zsre_convention(const std::string& name) {
    return parse_name("zsRE convention", name, kConventions);
}
std::vector<std::string> fact_format_names() { return known_names(kFormats); }
std::vector<std::string> unlearning_target_names() { return known_names(kTargets); }
std::vector<std::string> zsre_convention_names() { return known_names(kConventions); }

FactConflicts find_conflicts(const std::vector<Fact>& facts) {
    // subject → prompt → target → facts; sorted, so that every rank finds the same order.
    std::map<std::string, std::map<std::string, std::map<std::string, std::vector<std::size_t>>>> by_subject;
    for (std::size_t i = 0; i < facts.size(); ++i) {
        by_subject[facts[i].subject][facts[i].prompt][facts[i].target_new].push_back(i);
    }
    FactConflicts conflicts;
    for (const auto& [subject, by_prompt] : by_subject) {
        std::vector<std::size_t> of_subject;
        for (const auto& [prompt, by_target] : by_prompt) {
            std::vector<std::size_t> of_prompt;
            for (const auto& [target, same] : by_target) {
                if (same.size() > 1) conflicts.duplicates.push_back(same);
                of_prompt.insert(of_prompt.end(), same.begin(), same.end());
            }
            if (by_target.size() > 1) conflicts.contradictions.push_back(of_prompt);
            of_subject.insert(of_subject.end(), of_prompt.begin(), of_prompt.end());
        }
        if (by_prompt.size() > 1) conflicts.shared_subjects.push_back(of_subject);
    }
    for (auto* groups : {&conflicts.duplicates, &conflicts.contradictions, &conflicts.shared_subjects}) {
        for (auto& group : *groups) std::sort(group.begin(), group.end());
        std::sort(groups->begin(), groups->end());
    }
    return conflicts;
}

}  // namespace nepenthe::edit

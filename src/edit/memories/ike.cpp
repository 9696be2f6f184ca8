#include "edit/memories/ike.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "edit/facts/edit_prompt.h"
#include "store/blocks.h"
#include "store/packing.h"
#include "text/joined_text.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <set>

namespace nepenthe::edit {

namespace {

constexpr std::uint64_t kTextsPerBlock = 64;

std::string demonstration(const std::string& fact, const std::string& target, const std::string& prompt,
                          const std::string& answer) {
    return fmt::format("New Fact: {}\nPrompt: {}\n\n", text::join_texts(fact, target).text,
                       text::join_texts(prompt, answer).text);
}

// Vectors of texts, a block of texts on one rank: [text, width] fp32, the same bytes on every rank.
at::Tensor encode_all(const dist::Comm& comm, const model::SentenceEncoder& encoder,
                      const std::vector<std::string>& texts, const std::filesystem::path& scratch) {
    Sha256 key;
    key.update(encoder.digest());
    for (const std::string& text : texts) key.update(fmt::format("{} ", text.size())).update(text);
    store::BlockOptions options;
    options.label = "encode";
    options.key_digest = key.hex();
    const std::uint64_t blocks = (texts.size() + kTextsPerBlock - 1) / kTextsPerBlock;
    const auto results = store::for_each_block(comm, scratch, blocks, options, [&](std::uint64_t block) {
        const std::size_t first = block * kTextsPerBlock;
        const at::Tensor vectors =
            encoder.encode(std::span(texts).subspan(first, std::min<std::size_t>(kTextsPerBlock, texts.size() - first)))
                .contiguous();
        const float* data = vectors.const_data_ptr<float>();
        return store::Packer().add(std::vector<float>(data, data + vectors.numel())).take();
    });
    std::vector<float> all;
    for (std::uint64_t block = 0; block < blocks; ++block) {
        std::vector<float> part;
        store::Unpacker(results.read(block)).read(part);
        all.insert(all.end(), part.begin(), part.end());
    }
    return at::tensor(all).view({static_cast<std::int64_t>(texts.size()), encoder.width()});
}

std::vector<std::string> sentences(const std::vector<Fact>& facts) {
    std::vector<std::string> texts;
    for (const Fact& fact : facts) texts.push_back(text::join_texts(fact.sentence(), fact.target_new).text);
    return texts;
}

// k kinds in the wanted shares (the last kind takes what rounding leaves), in an order drawn for the fact.
std::vector<DemonstrationKind> deal_kinds(const IkeOptions& options, std::size_t count, std::uint64_t fact) {
    const std::int64_t shares = options.copy + options.update + options.retain;
    const auto n = static_cast<std::int64_t>(count);
    const std::int64_t copies = n * options.copy / shares, updates = n * options.update / shares;
    std::vector<DemonstrationKind> kinds(count, DemonstrationKind::kRetain);
    std::fill_n(kinds.begin(), copies, DemonstrationKind::kCopy);
    std::fill_n(kinds.begin() + copies, updates, DemonstrationKind::kUpdate);
    std::vector<DemonstrationKind> dealt;
    for (const std::uint64_t i : random_permutation(count, RandomStream(options.seed, "ike.kinds", fact))) {
        dealt.push_back(kinds[i]);
    }
    return dealt;
}

// A record that lacks a paraphrase or a neighbour stands in as the kind that it can be.
Demonstration demonstrate(const Fact& fact, DemonstrationKind kind, float similarity) {
    const std::string sentence = fact.sentence();
    Demonstration made{kind, fact.id, similarity, {}};
    if (made.kind == DemonstrationKind::kRetain && fact.neighbourhood.empty()) made.kind = DemonstrationKind::kUpdate;
    if (made.kind == DemonstrationKind::kUpdate && fact.paraphrases.empty()) made.kind = DemonstrationKind::kCopy;
    switch (made.kind) {
        case DemonstrationKind::kCopy:
            made.text = demonstration(sentence, fact.target_new, sentence, fact.target_new);
            break;
        case DemonstrationKind::kUpdate:
            made.text =
                demonstration(sentence, fact.target_new,
                              without_leading_sentence(fact.paraphrases.front(), fact.subject), fact.target_new);
            break;
        case DemonstrationKind::kRetain: {
            const Neighbour& neighbour = fact.neighbourhood.front();
            made.text = demonstration(sentence, fact.target_new, neighbour.prompt, neighbour.answer);
            break;
        }
    }
    return made;
}

// The context of one fact with the `kept` last of its demonstrations.
std::string context_of(const Fact& fact, const std::vector<Demonstration>& demonstrations, std::size_t kept,
                       bool repeat) {
    std::string context;
    for (std::size_t i = demonstrations.size() - kept; i < demonstrations.size(); ++i)
        context += demonstrations[i].text;
    const std::string sentence = fact.sentence();
    if (repeat) context += demonstration(sentence, fact.target_new, sentence, fact.target_new);
    return context + fmt::format("New Fact: {}\nPrompt: ", text::join_texts(sentence, fact.target_new).text);
}

class Teller {
  public:
    Teller(const IkeInputs& inputs, const IkeOptions& options, const std::vector<Fact>& pool, at::Tensor similarities)
        : inputs_(inputs), options_(options), pool_(pool), similarities_(std::move(similarities)) {}

    ToldFact tell(std::size_t number) const {
        const Fact& fact = inputs_.facts[number];
        ToldFact told;
        told.id = fact.id;
        told.sentence = fact.sentence();
        told.demonstrations = nearest(number);
        const std::size_t wanted = told.demonstrations.size();
        const std::int64_t room = inputs_.max_positions - options_.reserve;
        // Fewer demonstrations where the context is short; the most similar ones stay.
        std::size_t fits = 0, too_many = wanted + 1;
        while (fits + 1 < too_many) {
            const std::size_t tried = too_many == wanted + 1 ? wanted : (fits + too_many) / 2;
            (tokens(fact, told.demonstrations, tried) <= room ? fits : too_many) = tried;
        }
        told.context = context_of(fact, told.demonstrations, fits, options_.repeat_fact);
        told.tokens = tokens(fact, told.demonstrations, fits);
        if (told.tokens > room) {
            fail(ErrorKind::kData,
                 "fact {}: told alone it takes {} of the model's {} positions, and {} are kept for the prompt", fact.id,
                 told.tokens, inputs_.max_positions, options_.reserve);
        }
        told.left_out = static_cast<std::int64_t>(wanted - fits);
        told.demonstrations.erase(told.demonstrations.begin(),
                                  told.demonstrations.begin() + static_cast<std::ptrdiff_t>(wanted - fits));
        return told;
    }

  private:
    std::int64_t tokens(const Fact& fact, const std::vector<Demonstration>& demonstrations, std::size_t kept) const {
        const std::string context = context_of(fact, demonstrations, kept, options_.repeat_fact);
        return static_cast<std::int64_t>(inputs_.tokenizer->encode_ids(context, true).size());
    }

    // The nearest records of the pool, the most similar last; ties by their order in the pool.
    std::vector<Demonstration> nearest(std::size_t number) const {
        const float* similarity = similarities_.const_data_ptr<float>() + number * pool_.size();
        std::vector<std::size_t> order(pool_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        const std::size_t count = std::min(pool_.size(), static_cast<std::size_t>(options_.demonstrations));
        std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(count),
                                  [&](std::size_t a, std::size_t b) {
                                      return similarity[a] != similarity[b] ? similarity[a] > similarity[b] : a < b;
                                  });
        const std::vector<DemonstrationKind> kinds = deal_kinds(options_, count, number);
        std::vector<Demonstration> demonstrations;
        for (std::size_t i = count; i-- > 0;) {
            demonstrations.push_back(demonstrate(pool_[order[i]], kinds[i], similarity[order[i]]));
        }
        return demonstrations;
    }

    const IkeInputs& inputs_;
    const IkeOptions& options_;
    const std::vector<Fact>& pool_;
    at::Tensor similarities_;  // [fact, pool]
};

void say_what_is_missing(const IkeBundle& bundle, const IkeOptions& options, std::size_t pool,
                         std::vector<std::string>* warnings) {
    std::vector<std::string> found;
    std::int64_t shortened = 0, fewest = options.demonstrations;
    for (const ToldFact& fact : bundle.facts()) {
        if (fact.left_out == 0) continue;
        ++shortened;
        fewest = std::min(fewest, static_cast<std::int64_t>(fact.demonstrations.size()));
    }
    if (std::cmp_less(pool, options.demonstrations)) {
        found.push_back(fmt::format("the pool has {} facts, fewer than the {} demonstrations asked for", pool,
                                    options.demonstrations));
    }
    if (shortened > 0) {
        found.push_back(
            fmt::format("{} of {} facts get fewer demonstrations than asked for (at least {}): the model's context "
                        "holds no more",
                        shortened, bundle.facts().size(), fewest));
    }
    for (const std::string& warning : found) {
        log_warning("{}", warning);
        if (warnings != nullptr) warnings->push_back(warning);
    }
}

}  // namespace

std::vector<std::string> IkeOptions::validate() const {
    std::vector<std::string> problems;
    if (demonstrations < 0)
        problems.push_back(fmt::format("demonstrations must not be negative, not {}", demonstrations));
    if (copy < 0 || update < 0 || retain < 0 || copy + update + retain == 0) {
        problems.push_back(
            fmt::format("shares of the kinds must not be negative, nor all zero: {}:{}:{}", copy, update, retain));
    }
    if (reserve < 1)
        problems.push_back(fmt::format("at least one position must be left for a prompt, not {}", reserve));
    return problems;
}

Json IkeOptions::to_json() const {
    return {{"demonstrations", demonstrations}, {"copy", copy},       {"update", update}, {"retain", retain},
            {"repeat_fact", repeat_fact},       {"reserve", reserve}, {"seed", seed}};
}

std::string without_leading_sentence(const std::string& paraphrase, const std::string& subject) {
    const std::size_t place = subject.empty() ? std::string::npos : paraphrase.rfind(subject);
    if (place == std::string::npos) return paraphrase;
    std::size_t begin = 0;
    for (std::size_t at = 0; at + 1 < place; ++at) {
        const bool ends =
            paraphrase[at] == '.' || paraphrase[at] == '!' || paraphrase[at] == '?' || paraphrase[at] == '\n';
        if (ends && (paraphrase[at + 1] == ' ' || paraphrase[at + 1] == '\n')) begin = at + 2;
    }
    while (begin < place && (paraphrase[begin] == ' ' || paraphrase[begin] == '\n')) ++begin;
    return paraphrase.substr(begin);
}

std::vector<Fact> leak_free(const std::vector<Fact>& pool, const std::vector<Fact>& edited) {
    std::set<std::string> ids, subjects, asked;
    for (const Fact& fact : edited) {
        ids.insert(fact.id);
        subjects.insert(fact.subject);
        asked.insert(fact.sentence());
        asked.insert(fact.paraphrases.begin(), fact.paraphrases.end());
        for (const auto* others : {&fact.neighbourhood, &fact.portability}) {
            for (const Neighbour& other : *others) asked.insert(other.prompt);
        }
    }
    const auto leaks = [&](const Fact& fact) {
        if (ids.contains(fact.id) || subjects.contains(fact.subject) || asked.contains(fact.sentence())) return true;
        const auto is_asked = [&](const std::string& prompt) { return asked.contains(prompt); };
        return std::ranges::any_of(fact.paraphrases, is_asked) ||
               std::ranges::any_of(fact.neighbourhood, is_asked, &Neighbour::prompt);
    };
    std::vector<Fact> kept;
    std::ranges::copy_if(pool, std::back_inserter(kept),
                         [&](const Fact& fact) { return !fact.target_new.empty() && !leaks(fact); });
    return kept;
}

IkeBundle::IkeBundle(IkeOptions options, std::vector<ToldFact> facts) : options_(options), facts_(std::move(facts)) {
    for (std::size_t i = 0; i < facts_.size(); ++i) index_.emplace(facts_[i].id, i);
}

const ToldFact* IkeBundle::find(const std::string& id) const {
    const auto found = index_.find(id);
    return found == index_.end() ? nullptr : &facts_[found->second];
}

std::string IkeBundle::prompt(const std::string& fact_id, const std::string& prompt) const {
    const ToldFact* fact = find(fact_id);
    if (fact == nullptr) fail(ErrorKind::kUsage, "the prompt bundle does not tell of fact {}", fact_id);
    return fact->context + prompt;
}

std::vector<std::pair<std::size_t, float>> IkeBundle::nearest(const model::SentenceEncoder& encoder,
                                                              const std::vector<std::string>& prompts) const {
    NEPENTHE_CHECK(!facts_.empty());
    std::vector<std::string> sentences;
    for (const ToldFact& fact : facts_) sentences.push_back(fact.sentence);
    const auto encoded = [&](const std::vector<std::string>& texts) {
        std::vector<at::Tensor> parts;
        for (std::size_t first = 0; first < texts.size(); first += kTextsPerBlock) {
            parts.push_back(encoder.encode(
                std::span(texts).subspan(first, std::min<std::size_t>(kTextsPerBlock, texts.size() - first))));
        }
        return at::cat(parts);
    };
    std::vector<std::pair<std::size_t, float>> found;
    if (prompts.empty()) return found;
    const at::Tensor similarities = at::matmul(encoded(prompts), encoded(sentences).t()).contiguous();
    const float* row = similarities.const_data_ptr<float>();
    for (std::size_t i = 0; i < prompts.size(); ++i, row += facts_.size()) {
        const float* const best = std::max_element(row, row + facts_.size());
        found.emplace_back(static_cast<std::size_t>(best - row), *best);
    }
    return found;
}

Fact IkeBundle::told(const Fact& fact) const {
    Fact told = fact;
    told.prompt = prompt(fact.id, fact.prompt);
    fill_subject(told.prompt, fact.subject);  // throws where the context brings a "{}" of its own
    for (std::string& paraphrase : told.paraphrases) paraphrase = prompt(fact.id, paraphrase);
    for (auto* others : {&told.neighbourhood, &told.portability}) {
        for (Neighbour& other : *others) other.prompt = prompt(fact.id, other.prompt);
    }
    for (auto* prompts : {&told.attribute_prompts, &told.generation_prompts}) {
        for (std::string& one : *prompts) one = prompt(fact.id, one);
    }
    return told;
}

IkeBundle ike(const dist::Comm& comm, const IkeInputs& inputs, const IkeOptions& options,
              const std::filesystem::path& scratch, std::vector<std::string>* warnings) {
    NEPENTHE_CHECK(inputs.tokenizer != nullptr && inputs.encoder != nullptr);
    Problems problems;
    for (const std::string& problem : options.validate()) problems.add("{}", problem);
    if (inputs.facts.empty()) problems.add("there are no facts");
    problems.throw_if_any(ErrorKind::kUsage, "IKE");
    const std::vector<Fact> pool = leak_free(inputs.pool, inputs.facts);
    if (pool.empty() && options.demonstrations > 0) {
        fail(ErrorKind::kData,
             "of {} facts to demonstrate with, every one is about an edited fact; give a second file of facts",
             inputs.pool.size());
    }
    log_info("IKE tells {} facts, demonstrations come from {} of {} others", inputs.facts.size(), pool.size(),
             inputs.pool.size());
    std::vector<std::string> texts = sentences(inputs.facts);
    const std::vector<std::string> of_pool = sentences(pool);
    texts.insert(texts.end(), of_pool.begin(), of_pool.end());
    const at::Tensor vectors = encode_all(comm, *inputs.encoder, texts, scratch);
    const auto facts = static_cast<std::int64_t>(inputs.facts.size());
    const at::Tensor similarities =
        at::matmul(vectors.narrow(0, 0, facts), vectors.narrow(0, facts, vectors.size(0) - facts).t()).contiguous();
    const Teller teller(inputs, options, pool, similarities);
    std::vector<ToldFact> told;
    for (std::size_t i = 0; i < inputs.facts.size(); ++i) told.push_back(teller.tell(i));
    IkeBundle bundle(options, std::move(told));
    say_what_is_missing(bundle, options, pool.size(), warnings);
    return bundle;
}

}  // namespace nepenthe::edit

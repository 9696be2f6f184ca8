#pragma once
// An objective of the table (objective_kind.h) over data: for every item to be forgotten the samples of its terms, with
// the partner and the refusal that (seed, epoch, item) draws.

#include "dist/comm.h"
#include "model/decoder.h"
#include "unlearn/data/forget_data.h"
#include "unlearn/objectives/objective_kind.h"
#include "unlearn/start/frozen_start.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace nepenthe::unlearn {

struct ObjectiveChoice {
    const ObjectiveKind* kind = nullptr;
    ObjectiveValues values;
    AsPublished published = AsPublished::kNo;
    std::int64_t reference_tokens = kNamedTokens;  // that distributions of the start name

    // What it is, for keys and provenance.
    Json to_json() const;
    // Adds what the data lacks for it.
    void check(const ForgetData& data, Problems& problems) const;
};

// Collective. The objective of this choice; arguments as ForgetObjective takes them.
std::unique_ptr<train::Objective> make_objective(const dist::Comm& comm, const model::Decoder& decoder,
                                                 const ForgetData& data, const ObjectiveChoice& choice,
                                                 std::int64_t epochs, std::uint64_t seed,
                                                 const std::filesystem::path& work);

// Which retained text an item meets.
std::size_t draw_partner(const ForgetData& data, const ObjectiveChoice& choice, std::uint64_t seed,
                         const train::Visit& visit);

class ForgetObjective : public train::SequenceObjective {
  public:
    // Collective. `decoder` must be as it came: what the terms must know of it is computed here by all ranks, for the
    // draws of `epochs` epochs, and kept in `work`. `data` is kept by reference.
    ForgetObjective(const dist::Comm& comm, const model::Decoder& decoder, const ForgetData& data,
                    const ObjectiveChoice& choice, std::int64_t epochs, std::uint64_t seed,
                    const std::filesystem::path& work);

    std::int64_t items() const override { return std::ssize(data_.forget()); }
    void after_step(std::span<const double> means) override;
    Json state() const override;
    void restore(const Json& state) override;

    // Which retained text, and which refusal, an item meets.
    std::size_t partner(const train::Visit& visit) const { return draw_partner(data_, choice_, seed_, visit); }
    std::size_t refusal(const train::Visit& visit) const;

  protected:
    std::vector<train::ItemSample> samples(const train::Visit& visit) const override;

  private:
    // What tells samples apart: a text to be forgotten, or a question with a refusal.
    using Text = std::pair<std::size_t, std::optional<std::size_t>>;
    std::vector<train::Visit> visits(std::int64_t epochs) const;
    std::vector<Text> compared(const ObjectiveTerm& term, const train::Visit& visit) const;
    train::Sample text_of(Source source, const train::Visit& visit) const;
    train::Sample sample_of(const ObjectiveTerm& term, Source source, const train::Visit& visit) const;

    const ForgetData& data_;
    ObjectiveChoice choice_;
    std::uint64_t seed_;
    std::vector<ObjectiveTerm> of_terms_;
    std::map<Text, double> known_;  // negative log-likelihood under the start
    std::optional<FrozenStart> of_forget_, of_retain_;
    std::int64_t steps_ = 0;
};

}  // namespace nepenthe::unlearn

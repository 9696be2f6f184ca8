#include "train/sequence_objective.h"

#include "base/error.h"
#include "train/backward_pass.h"

#include <algorithm>

namespace nepenthe::train {

namespace {

// Rows whose losses make one numerator together: of one term of one item.
struct Group {
    std::size_t term = 0;
    std::vector<std::int64_t> rows;  // of each of its sequences
    std::vector<double> known;

    std::int64_t size() const {
        std::int64_t sum = 0;
        for (const std::int64_t count : rows) sum += count;
        return sum;
    }
};

class SequenceMicroBatch : public MicroBatchLoss {
  public:
    SequenceMicroBatch(const std::vector<SequenceTerm>& terms, MicroBatch micro, std::vector<Group> groups)
        : terms_(terms), micro_(std::move(micro)), groups_(std::move(groups)) {}

    std::vector<double> denominators() const override {
        if (is_plain()) return {micro_.weight};
        std::vector<double> out(terms_.size(), 0.0);
        const std::vector<float> weights = row_weights();
        std::size_t row = 0;
        for (const Group& group : groups_) {
            const SequenceTerm& term = terms_[group.term];
            const auto size = static_cast<std::size_t>(group.size());
            if (!term.loss) {
                for (std::size_t i = row; i < row + size; ++i) out[group.term] += static_cast<double>(weights[i]);
            } else {
                out[group.term] += term.per_sequence ? 1.0 : static_cast<double>(size);
            }
            row += size;
        }
        return out;
    }

    std::int64_t tokens() const override { return micro_.tokens; }

    std::vector<double> backward(const BackwardPass& pass, std::span<const double> scales) const override {
        if (is_plain()) return {pass.run(micro_, scales.front())};
        std::vector<double> numerators(terms_.size(), 0.0);
        std::vector<RowGroup> of_rows = row_groups();
        Weighing weighing;
        weighing.row_losses = row_losses();
        for (const RowGroup& group : of_rows) weighing.groups.push_back(group.rows);
        weighing.weigh = [&](std::size_t i, std::span<const double> losses, std::span<double> slopes) {
            const RowGroup& group = of_rows[i];
            numerators[group.term] += weigh(group, losses, slopes);
            for (double& slope : slopes) slope *= scales[group.term];
        };
        pass.run(micro_, 1.0, &weighing);
        return numerators;
    }

  private:
    // Groups as the head sees them: where a term is a plain sum, each row by itself, so that no row waits for others.
    struct RowGroup {
        std::size_t term = 0;
        std::int64_t rows = 0;
        const Group* whole = nullptr;  // with a function of whole sequences
    };

    bool is_plain() const {
        return terms_.size() == 1 && !terms_.front().loss && terms_.front().row_loss == RowLoss::kCrossEntropy;
    }

    std::vector<float> row_weights() const {
        if (micro_.supervised_count() == 0) return {};
        const at::Tensor weights = micro_.targets.weights.cpu();
        const float* data = weights.const_data_ptr<float>();
        return {data, data + weights.numel()};
    }

    std::vector<RowGroup> row_groups() const {
        std::vector<RowGroup> out;
        for (const Group& group : groups_) {
            if (terms_[group.term].loss) {
                out.push_back({group.term, group.size(), &group});
            } else {
                out.insert(out.end(), static_cast<std::size_t>(group.size()), RowGroup{group.term, 1, nullptr});
            }
        }
        return out;
    }

    std::vector<RowLoss> row_losses() const {
        std::vector<RowLoss> out;
        for (const Group& group : groups_) {
            out.insert(out.end(), static_cast<std::size_t>(group.size()), terms_[group.term].row_loss);
        }
        const bool all_plain =
            std::ranges::all_of(out, [](const RowLoss& row_loss) { return row_loss == RowLoss::kCrossEntropy; });
        return all_plain ? std::vector<RowLoss>{} : out;
    }

    double weigh(const RowGroup& group, std::span<const double> losses, std::span<double> slopes) const {
        if (group.whole == nullptr) {
            slopes.front() = 1.0;
            return losses.front();
        }
        std::vector<SequenceLosses> sequences;
        std::size_t begin = 0;
        for (std::size_t i = 0; i < group.whole->rows.size(); ++i) {
            const auto rows = static_cast<std::size_t>(group.whole->rows[i]);
            sequences.push_back({losses.subspan(begin, rows), group.whole->known[i]});
            begin += rows;
        }
        return terms_[group.term].loss(sequences, slopes);
    }

    const std::vector<SequenceTerm>& terms_;
    MicroBatch micro_;
    std::vector<Group> groups_;
};

std::int64_t supervised(const Sample& sample) {
    return std::ranges::count_if(sample.labels, [](std::int64_t label) { return label != kIgnore; });
}

}  // namespace

std::unique_ptr<const MicroBatchLoss> SequenceObjective::read(std::span<const Visit> visits,
                                                              const model::Decoder& decoder, Sides sides) const {
    std::vector<Sample> all;
    std::vector<Group> groups;
    for (const Visit& visit : visits) {
        std::size_t last = terms_.size();
        for (ItemSample& item : samples(visit)) {
            NEPENTHE_CHECK(item.term < terms_.size());
            if (!sides.has(terms_[item.term].side)) continue;
            if (item.term != last) groups.push_back({item.term, {}, {}});
            last = item.term;
            groups.back().rows.push_back(supervised(item.sample));
            groups.back().known.push_back(item.known);
            all.push_back(std::move(item.sample));
        }
    }
    // A group without any position has no loss.
    std::erase_if(groups, [](const Group& group) { return group.size() == 0; });
    MicroBatch micro =
        all.empty() ? MicroBatch{} : make_micro_batch(all, decoder.config().vocabulary, decoder.device());
    return std::make_unique<SequenceMicroBatch>(terms_, std::move(micro), std::move(groups));
}

}  // namespace nepenthe::train

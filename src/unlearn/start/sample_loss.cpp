#include "unlearn/start/sample_loss.h"

#include "train/loss.h"
#include "train/micro_batch.h"

#include <ATen/ATen.h>

namespace nepenthe::unlearn {

SampleLoss sample_loss(const model::Decoder& decoder, const train::Sample& sample) {
    const at::NoGradGuard no_gradients;
    const train::MicroBatch micro = train::make_micro_batch({sample}, decoder.config().vocabulary, decoder.device());
    if (micro.supervised_count() == 0) return {};
    const at::Tensor hidden = decoder.hidden_states(micro.batch)[0].index_select(0, micro.supervised);
    return {train::cross_entropy_sum(decoder, hidden, micro.targets).item<double>(), micro.weight};
}

}  // namespace nepenthe::unlearn

#pragma once
// What only two models together show, item by item.

#include "evaluate/evaluate.h"

namespace nepenthe::evaluate {

// By name, what the rows of this task allow; an empty object where that is nothing:
//   easyedit_locality      of the tokens of unrelated answers (rows' "locality_argmax"), the share whose most likely
//   token is
//                          the one of the model before; mean over facts. Where rows name the kinds of these prompts
//                          (KnowEdit), also easyedit_locality_relation_specificity and easyedit_locality_forgetfulness
//   unintended_alteration  share of items whose greedy answer (rows' "answer_ids") is another one; Wilson's interval
//   forget_quality         p-value that the truth ratios of TOFU's forget set (rows' "forget_truth") come from the
//   distribution of
//                          the model before (two-sample Kolmogorov–Smirnov, two-sided); the other model is the retain
//                          model
//   privleak               100 · (A − A_before) / A_before of A = 1 − the rows' "min_k_auc", the leakage against a
//   model
//                          before that never saw what is to be forgotten (MUSE); by the delta method
//   reference_auc          the rows' "loss_auc" with each loss less that of the model before, the reference; DeLong's
// Both have the same items.
Json paired_measures(const TaskResult& before, const TaskResult& after);

}  // namespace nepenthe::evaluate

// Reads what a broker holds of the load's topic and hands it to the judge.
#pragma once

#include "base/result.h"
#include "crash/log_judge.h"
#include "crash/producer.h"

namespace gregor::crash {

/// Reads every partition from where the judge has got to up to the log end that ListOffsets names,
/// in batches whose CRC is checked, every record compared with what its number says it must be.
/// Then the judge has its end().
///
/// @errors network_exception; what decoding finds; an error of a partition that does not go away
/// within ten seconds.
///         What the judge is to name is no error here.
[[nodiscard]] Result<void> read_log(const LoadOptions& options, LogJudge& judge);

}  // namespace gregor::crash

// Histories as text: the golden ones of the judge's own tests, and what `crash_checker judge FILE`
// takes. One line each:
//
//   send NUMBER PARTITION COUNT answered OFFSET | unanswered | refused CODE
//   read PARTITION OFFSET NUMBER INDEX [broken]   a fetched record: its send, its place there
//   end PARTITION OFFSET                          the log end that ListOffsets names
//   topic NAME PARTITIONS FATE                    FATE: creation-unanswered, created ID, refused,
//                                                 deletion-unanswered ID, deleted ID
//   found NAME PARTITIONS SERVED ID               as Metadata and ListOffsets show it
//   judge                                         judges what came so far, then it goes on
//
// Sends are numbered 0, 1, ... in order. IDs are small numbers. '#' starts a comment. At the end
// everything is judged.
#pragma once

#include <istream>

#include "base/result.h"
#include "crash/log_judge.h"

namespace gregor::crash {

/// Reads a history and judges it. @errors invalid_request: a line that makes no sense, with its
/// number
[[nodiscard]] Result<Violations> judge_history(std::istream& text);

}  // namespace gregor::crash

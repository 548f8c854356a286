// Hands out frames for page tables, and runs out on demand.
#pragma once

#include "support/recording_memory.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

namespace twofold::test {

/// Allocates zeroed frames upwards from 16 MiB.
template <class Output>
class TableFrames {
  public:
    explicit TableFrames(RecordingMemory memory) : memory_(std::move(memory)) {}

    std::optional<Output> allocate_table() {
        if (left_ == 0) return std::nullopt;
        --left_;
        Output const table{next_};
        next_ += 4096;
        memory_.zero(Hpa{table.value()}, 4096);
        live_.insert(table.value());
        return table;
    }
    void free_table(Output table) { live_.erase(table.value()); }

    /// Fails every allocation after `count` more.
    void run_out_after(std::uint64_t count) { left_ = count; }
    [[nodiscard]] std::size_t live() const { return live_.size(); }

  private:
    RecordingMemory memory_;
    std::uint64_t next_ = 0x100'0000;
    std::uint64_t left_ = ~std::uint64_t{0};
    std::set<std::uint64_t> live_;
};

} // namespace twofold::test

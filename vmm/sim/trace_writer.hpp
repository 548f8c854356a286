// Writes traces in our own formats.
#pragma once

#include "sim/trace_format.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>

namespace twofold::vmm {

/// A file that appears under its name when it is whole, and not at all otherwise. Memory does not
/// grow with its length.
class TraceWriter {
  public:
    /// `format`: text or binary. Throws Failure where the file can't be written.
    TraceWriter(std::filesystem::path path, TraceFormat format);
    ~TraceWriter();
    TraceWriter(TraceWriter const&) = delete;
    TraceWriter& operator=(TraceWriter const&) = delete;

    void add(TraceAccess const& access);
    /// Throws Failure when something could not be written.
    void finish();

  private:
    [[noreturn]] void fail() const;

    std::filesystem::path path_;
    std::filesystem::path unfinished_;
    TraceFormat format_;
    std::ofstream out_;
};

} // namespace twofold::vmm

#include "sim/trace_format.hpp"

#include "sim/byte_window.hpp"
#include "sim/text_trace.hpp"
#include "system/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace twofold::vmm {

namespace {

struct NamedTraceFormat {
    std::string_view name;
    TraceFormat format;
};
constexpr std::array<NamedTraceFormat, 4> trace_formats{{{"lackey", TraceFormat::lackey},
                                                         {"champsim", TraceFormat::champsim},
                                                         {"text", TraceFormat::text},
                                                         {"binary", TraceFormat::binary}}};

class BinaryTrace final : public AccessSource {
  public:
    explicit BinaryTrace(std::filesystem::path const& path) : window_(path) {
        if (window_.ahead(binary_trace_magic.size()) != binary_trace_magic)
            throw Failure{path.string() + " is no binary trace: it does not begin with TFTRACE"};
        window_.skip(binary_trace_magic.size());
    }
    std::size_t next(std::span<TraceAccess> batch) override {
        std::size_t count = 0;
        for (; count < batch.size(); ++count) {
            auto const bytes = window_.ahead(sizeof(std::uint64_t));
            if (bytes.empty()) break;
            std::uint64_t record = 0;
            if (bytes.size() != sizeof record) throw window_.truncated();
            std::memcpy(&record, bytes.data(), sizeof record);
            auto const access = from_binary_record(record);
            if (!access) throw window_.wrong("an access of kind 3; there are 0, 1 and 2");
            batch[count] = *access;
            window_.skip(sizeof record);
        }
        return count;
    }

  private:
    ByteWindow window_;
};

/// The layout of ChampSim's trace record: an instruction and the memory that it names.
struct ChampsimRecord {
    std::uint64_t instruction;
    std::uint8_t is_branch;
    std::uint8_t branch_taken;
    std::array<std::uint8_t, 2> destination_registers;
    std::array<std::uint8_t, 4> source_registers;
    std::array<std::uint64_t, 2> stores;
    std::array<std::uint64_t, 4> loads;
};
static_assert(sizeof(ChampsimRecord) == 64);

class ChampsimTrace final : public AccessSource {
  public:
    explicit ChampsimTrace(std::filesystem::path const& path) : window_(path) {}
    std::size_t next(std::span<TraceAccess> batch) override {
        std::size_t count = 0;
        while (count < batch.size()) {
            if (pending_at_ == pending_count_ && !read_record()) break;
            batch[count++] = pending_[pending_at_++];
        }
        return count;
    }

  private:
    bool read_record() {
        auto const bytes = window_.ahead(sizeof(ChampsimRecord));
        if (bytes.empty()) return false;
        if (bytes.size() != sizeof(ChampsimRecord)) throw window_.truncated();
        ChampsimRecord record;
        std::memcpy(&record, bytes.data(), sizeof record);
        window_.skip(sizeof record);
        pending_at_ = 0;
        pending_count_ = 0;
        add(record.instruction, Access::execute);
        for (auto const load : record.loads)
            if (load != 0) add(load, Access::read);
        for (auto const store : record.stores)
            if (store != 0) add(store, Access::write);
        return true;
    }
    void add(std::uint64_t address, Access access) {
        pending_[pending_count_++] = {Gva{address}, access};
    }

    ByteWindow window_;
    std::array<TraceAccess, 7> pending_{};
    std::size_t pending_at_ = 0;
    std::size_t pending_count_ = 0;
};

/// By the first bytes: the magic, then whether they are text, and of which kind.
TraceFormat detect(std::filesystem::path const& path) {
    ByteWindow window{path};
    auto const start = window.ahead(256);
    if (start.starts_with(binary_trace_magic)) return TraceFormat::binary;
    bool const is_text = std::ranges::all_of(start, [](char c) {
        return c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c <= '~');
    });
    if (!is_text) return TraceFormat::champsim;
    bool const own = !start.empty() && std::string_view{"rwx#"}.contains(start.front());
    return own ? TraceFormat::text : TraceFormat::lackey;
}

} // namespace

std::optional<TraceFormat> trace_format_named(std::string_view name) {
    if (name == "auto") return std::nullopt;
    auto const found = std::ranges::find(trace_formats, name, &NamedTraceFormat::name);
    if (found == trace_formats.end())
        throw UsageError{fmt::format(
            "there is no trace format '{}'; there are: auto, lackey, champsim, text, binary",
            name)};
    return found->format;
}

std::unique_ptr<AccessSource> open_trace(std::filesystem::path const& path,
                                         std::optional<TraceFormat> format) {
    switch (format ? *format : detect(path)) {
    case TraceFormat::lackey: return std::make_unique<TextTrace>(path, TextTrace::Kind::lackey);
    case TraceFormat::text: return std::make_unique<TextTrace>(path, TextTrace::Kind::own);
    case TraceFormat::champsim: return std::make_unique<ChampsimTrace>(path);
    case TraceFormat::binary: break;
    }
    return std::make_unique<BinaryTrace>(path);
}

} // namespace twofold::vmm

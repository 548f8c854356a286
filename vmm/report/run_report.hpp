// What a whole run reported.
#pragma once

#include "report/record.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm {

struct GuestReport {
    /// Its place in the bundle; clones have those behind it.
    std::uint64_t number;
    std::string name;
    /// None for a guest that could not be loaded.
    std::optional<record::GuestStart> start;
    std::vector<record::Walk> walks;
    std::vector<record::Figure> figures;
    std::vector<record::EptProbe> probes;
    std::optional<record::GuestStop> stop;
    std::vector<record::Merge> merges = {};
    std::vector<record::WorkingSet> working_sets = {};
    std::vector<record::DirtyPages> dirty_pages = {};
    std::optional<record::DirtyLog> dirty_log = std::nullopt;
    /// Its page tables at its end, where the launch asked for them.
    std::optional<record::Paging> paging = std::nullopt;
    std::vector<record::TablePage> tables = {};
    std::optional<record::TablesEnd> tables_end = std::nullopt;
};

/// Takes a report line by line and keeps it in order.
class RunReport {
  public:
    /// Returns false after the report's last record. Throws MalformedRecord for a line that is not
    /// a record, or that can't come at this place.
    bool add_line(std::string_view line);

    [[nodiscard]] std::optional<record::Boot> const& boot() const { return boot_; }
    /// None where the launch asked for none, or it failed.
    [[nodiscard]] std::optional<record::SwapDisk> const& swap_disk() const { return swap_disk_; }
    [[nodiscard]] std::vector<record::CapabilityMissing> const& missing() const { return missing_; }
    [[nodiscard]] std::vector<GuestReport> const& guests() const { return guests_; }
    [[nodiscard]] std::vector<record::Error> const& errors() const { return errors_; }
    [[nodiscard]] std::optional<record::Panic> const& panic() const { return panic_; }
    [[nodiscard]] std::optional<record::End> const& end() const { return end_; }
    /// None where the launch said nothing of memory as a whole.
    [[nodiscard]] std::optional<record::Memory> const& memory() const { return memory_; }

    /// In their order.
    [[nodiscard]] std::vector<record::Audit> const& audits() const { return audits_; }

    /// Ticks from the first instruction of the loader to the first of the first guest, if one
    /// started.
    [[nodiscard]] std::optional<std::uint64_t> ticks_to_first_guest() const;
    /// What of that came after the last of the boot's phases: the frame pool, VMX operation, the
    /// guest's space and what is loaded into it.
    [[nodiscard]] std::optional<std::uint64_t> ticks_to_make_first_guest() const;

  private:
    void add(record::Boot boot);
    void add(record::SwapDisk disk);
    void add(record::CapabilityMissing missing);
    void add(record::GuestStart start);
    void add(record::Walk walk);
    void add(record::Paging paging);
    void add(record::TablePage page);
    void add(record::TablesEnd end);
    void add(record::Figure figure);
    void add(record::EptProbe probe);
    void add(record::Merge merge);
    void add(record::WorkingSet found);
    void add(record::DirtyPages found);
    void add(record::DirtyLog log);
    void add(record::GuestStop stop);
    void add(record::Memory memory);
    void add(record::Audit audit);
    void add(record::Error error);
    void add(record::Panic panic);
    void add(record::End end);
    /// Keeps guests sorted by their numbers.
    GuestReport& insert(GuestReport guest);
    /// A guest that runs now; a record about another one is an error.
    GuestReport& running(std::uint64_t guest, char const* kind);

    std::optional<record::Boot> boot_;
    std::optional<record::SwapDisk> swap_disk_;
    std::vector<record::CapabilityMissing> missing_;
    std::vector<GuestReport> guests_;
    std::optional<std::uint64_t> first_start_;
    std::vector<record::Error> errors_;
    std::optional<record::Panic> panic_;
    std::optional<record::End> end_;
    std::optional<record::Memory> memory_;
    std::vector<record::Audit> audits_;
};

} // namespace twofold::vmm

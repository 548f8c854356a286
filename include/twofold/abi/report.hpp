// The report: facts as JSON, one object a line, written to the second serial port (0x2f8) and read
// by the command.
//
// Addresses and entries are strings "0x..." (hexadecimal, no leading zeros); counts and sizes in
// bytes are numbers. Every object has "record"; those about a guest have "guest", its place in the
// bundle from 0.
//
//   boot         {engine?, processor, memory_bytes, phases:[{name, ticks}]}
//                engine: "kvm", of the command where it drives /dev/kvm; left out by the hypervisor
//                ticks: how long each phase took; the first begins with the loader's first
//                instruction, and each of the others where the one before it ends
//   swap_disk    {sectors, pages_proven}
//                before anything else, where the launch asks for swap: the disk has so many sectors
//                of 512 bytes, and so many of the pages that are used, the first and the last, were
//                written and read back. One that fails it is an `error`
//   capability_missing
//                {capability, where, meaning}; then `end`: nothing can run
//   guest_start  {guest, name, memory_bytes, guest_page, host_page, populate, native,
//                ticks_to_entry, cloned_from?}
//                cloned_from: the guest that it is a clone of; clones are numbered on from the
//                bundle's last guest, and their records may stand between those of others
//                ticks_to_entry: from the loader's first instruction to the guest's; left out where
//                the guest itself writes the record, natively
//   walk         {guest, gva, mode, gpa, hpa, page_size, guest_page, host_page, native,
//                references:[...], fault?}
//                page_size, guest_page and host_page are "0x..." bytes, page_size being the
//                smaller of the two leaves; mode as in `paging`, or left out for 4_level
//       references   {dimension:"guest"|"ept", level, address, entry, gpa?}
//                    address is the hpa that was read; gpa is given where dimension is "guest";
//                    level 1 is the PTE
//       fault        {dimension, level, reason, bits, gpa?}; gpa, hpa and page sizes are then left
//                    out where unknown
//                    bits: those that are wrong, of an entry that is malformed; gpa: where the
//                    dimension is "ept", what it did not translate
//   paging       {guest, mode, root?|pdptes?:[4], execute_disable?, physical_bits?,
//                page_size_extension?, ept_root, ept_levels}
//                what the guest's control registers say when it ends, for launches that ask for its
//                tables; the tables follow
//       mode         off | 32_bit | pae | 4_level | 5_level
//   table        {guest, dimension, level, address, gpa?, words:[[index, count, first, step]]}
//                a table of 512 words of 8 bytes: words[index + i] = first + i * step for i below
//                count; all others are 0. address is its hpa; gpa is given where dimension is
//                "guest". A table that several entries lead to comes as often
//   tables_end   {guest, cut}
//                cut: there are more tables than the report may hold
//   figure       {guest, name, unit:"ticks", value}
//   ept_probe    {guest, gpa, level, entries:{pml4e, pdpte?, pde?, pte?}, accessed_dirty, access,
//                outcome, qualification?, exit_gpa?}
//                an access of the guest through an EPT entry that was changed for it
//       level        of the entry that was changed
//       entries      what the processor found on its way, down to the leaf as it was before; the
//                    changed one as it was changed
//       access       read | write | execute | walk_read | walk_update (abi/hypercall.hpp)
//       outcome      done | violation | misconfiguration; qualification and exit_gpa as the
//                    processor gave them
//   merge        {guest, gpa, pages, hashed, merged, zeroed, frames?:{before, after}}
//                pages that the guest offered, where some of them share a frame of another page
//                now (merged), or the one of zeros (zeroed)
//       frames   in use, of 4 KiB, of all guests together; left out under KVM
//   working_set  {guest, pages, shared_pages}
//                pages of 4 KiB that the guest has accessed since the last of these, or since its
//                start: at its wish, and where the launch asks for it
//       shared_pages accessed at some time, by it or by those that it shares the tables with
//   dirty_pages  {guest, interval, pages, digest, ticks_run, ticks}
//                pages of 4 KiB that the guest has written since the last of these, or since its
//                first instruction, where the launch asks for a dirty log: interval counts from 0
//       digest       of the numbers of the pages, ascending (memory/dirty_log.hpp: DirtyPages)
//       ticks_run    what guest_stop.ticks was by then; ticks: what collecting took
//   dirty_log    {guest, means, intervals, pages, digest, exits?, ticks}
//                the same once more at the guest's end: all pages that it wrote, each once
//       means        write_protection | dirty_bits | page_modification_log
//       exits        that only the log has caused: full logs, or writes to a page that is the
//                    guest's already, those by which the last sharer takes one over included; left
//                    out under KVM
//       ticks        to begin the log and to collect it, and of full logs; what a write costs more
//                    is in guest_stop.violations
//   guest_stop   {guest, name, reason, code, message, rip, ticks, exits:{name:count},
//                frames:{memory, tables, in_use}, turns,
//                violations:{read, write, execute, during_walk, during_delivery, ticks, ticks_min,
//                ticks_max}, policy:{unknown_ports, unknown_msrs},
//                reclaim?:{swapped_out, swapped_in, released},
//                upkeep?:{merged, copied, taken_over, promoted, split}}
//                during_delivery: while an event was delivered to the guest, which then was
//                injected once more; left out natively
//       frames       memory, tables: of this guest; in_use: of all, itself included, when it
//                    stopped; of 4 KiB
//       turns        how often it was given the processor
//       reclaim      pages of 4 KiB, each as often as it went: to the swap disk, back from it, and
//                    those that the guest gave back; left out where memory is neither limited nor
//                    swapped, and the guest gave nothing back
//       upkeep       pages of 4 KiB, each as often as it went: that came to share a frame by its
//                contents, that a write gave a copy, and that a write found alone on its frame;
//                and large pages that were made of small ones, or made into them; where pages are
//                merged or promoted
//       reason       exit | halt | triple_fault | time_limit | outside_memory | out_of_frames |
//                    dirty_log | swap_failed | shootdown_pending | denied | unknown_port |
//                    unknown_exit | misconfiguration | load_error | entry_failure | frozen | killed
//       code         the guest's own for exit, 0 for halt and frozen, 1 for all others
//                under KVM, whose kernel keeps the second dimension to itself, frames.tables and
//                violations are left out, and there is
//                userfaults:{read, write, ticks, ticks_min, ticks_max}, faults that the command's
//                own handler answered; also unknown_places:[{place, reads, writes}] where that was
//                asked for, kernel:{name:count}, what its kernel counted, and
//                fault_histogram:[{ticks_from, faults}], of the same faults
//   memory       {frames, frames_limit, overcommit_percent, promised_most, reclaimed, reclaims,
//                reclaim_ticks, swap?:{pages, used_most, written, read, split, error?},
//                merge?:{passes, hashed, merged, zeroed, ticks},
//                promote?:{passes, looked, promoted, moved, ticks}}
//                once, after the last guest, where the launch says something of these
//       frames       of 4 KiB, that the guests had together; frames_limit: bytes, 0: no limit
//       overcommit_percent
//                    how much of frames and swap together guests may be promised; 0: no limit
//       promised_most
//                    frames that guests were promised at once, tables included
//       reclaimed    frames that came free in so many `reclaims`, by swapping pages out
//       split        large pages that were made small ones so that these could leave
//       merge        all of it together, by offers and in the background
//       promote      tables looked at, large pages made, and of these those whose pages lay apart
//       error        what the swap disk last said is wrong with it
//   audit        {frames, spaces, references, mismatches, faults,
//                first?:{what, frame, level, counted, found},
//                slots?:{audited, used, references, mismatches, first?:{what, slot, counted,
//                found}}}
//                every frame against all that has a reference to it: before the end of the last of
//                the guests that run together, or of each of them where the launch asks for it, and
//                after all
//       frames       of 4 KiB, which is all that the guests had together
//       references   entries of EPT, roots, and frames of the hypervisor's own
//       faults       frames that were withheld, because what was free had a reference, and frames
//                    without a reference that were shared or given back
//       what         wrong_count | foreign_memory | table_as_memory | writable_and_shared;
//                    of wrong_count, references by the count and as they were found at that level
//       slots        of the swap disk, all of which were looked at, those that are not free, and
//                    entries that name one; what: wrong_count | free_slot | foreign_slot |
//                    wrong_total, of which both numbers are slots in use
//   error        {message}: the hypervisor can't go on; then `end`
//   panic        {vector, name, rip, error_code, cr2, message}; then `end`
//   end          {frames_in_use}: the last line of every whole report
#pragma once

#include <cstdint>

namespace twofold::abi {

/// I/O base of the serial port that carries the report.
inline constexpr std::uint16_t report_port = 0x2f8;
/// I/O base of the serial port that carries the guest's console.
inline constexpr std::uint16_t console_port = 0x3f8;

} // namespace twofold::abi

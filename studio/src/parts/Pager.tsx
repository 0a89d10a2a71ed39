/** Buttons for the pages of a long table. */

export interface PagerProps {
  /** Name of the table. */
  label: string;
  /** Word for its parts, such as Rows. */
  unit: string;
  /** Page, counted from 0. */
  page: number;
  /** Parts of a page. */
  size: number;
  /** All parts. */
  total: number;
  onPage: (page: number) => void;
}

export function Pager({ label, unit, page, size, total, onPage }: PagerProps) {
  if (total <= size) return null;
  const begin = page * size;
  return (
    <div className="pager" role="group" aria-label={`Pages of ${label}`}>
      <button type="button" className="button" disabled={page === 0} onClick={() => onPage(page - 1)}>
        Back
      </button>
      <span className="hint" role="status">
        {unit} {begin + 1} to {Math.min(begin + size, total)} of {total}
      </span>
      <button type="button" className="button" disabled={begin + size >= total} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </div>
  );
}

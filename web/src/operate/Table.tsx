import { Fragment, type ReactNode, useId, useState } from "react";

export interface Column<T> {
  head: string;
  cell: (row: T) => ReactNode;
  /** `num` stands at the right, `act` holds buttons. The first column names its row. */
  kind?: "num" | "act";
}

export interface TableProps<T> {
  /** What the table has, for those who do not see the heading above it. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  classOf?: (row: T) => string;
  /** What a row opens to. */
  detail?: (row: T) => ReactNode;
  /** The accessible name of the button that opens a row. */
  detailLabel?: (row: T) => string;
}

/** A dense table; on a phone each row is a card. Roles are said, for display takes them away in some browsers. */
export function Table<T>({ caption, columns, rows, keyOf, classOf, detail, detailLabel }: TableProps<T>) {
  const all: readonly Column<T>[] =
    detail === undefined ? columns : [...columns, { head: "", cell: () => null, kind: "act" }];
  return (
    <table className="op-table" role="table">
      <caption className="unseen">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {all.map((column, at) => (
            <th key={at} scope="col" role="columnheader" className={kindClass(column)}>
              {column.head === "" ? <span className="unseen">Actions</span> : column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <Row
            key={keyOf(row)}
            row={row}
            columns={columns}
            className={classOf?.(row) ?? ""}
            {...(detail === undefined ? {} : { detail })}
            label={detailLabel?.(row) ?? "Details"}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps<T> {
  row: T;
  columns: readonly Column<T>[];
  className: string;
  detail?: (row: T) => ReactNode;
  label: string;
}

function Row<T>({ row, columns, className, detail, label }: RowProps<T>) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  return (
    <Fragment>
      <tr role="row" className={className}>
        {columns.map((column, at) => {
          const shown = column.cell(row);
          const kind = kindClass(column);
          if (at === 0) {
            return (
              <th key={at} scope="row" role="rowheader">
                {shown}
              </th>
            );
          }
          const isNothing = shown === null || shown === "";
          return (
            <td
              key={at}
              role="cell"
              className={isNothing ? `${kind} op-none` : kind}
              data-label={column.head}
            >
              {kind === "op-act" ? <span className="op-acts">{shown}</span> : <span>{shown}</span>}
            </td>
          );
        })}
        {detail !== undefined && (
          <td role="cell" className="op-act">
            <span className="op-acts">
              <button
                type="button"
                aria-label={`${isOpen ? "Close" : "Open"}: ${label}`}
                aria-expanded={isOpen}
                aria-controls={isOpen ? id : undefined}
                onClick={() => setOpen(!isOpen)}
              >
                {isOpen ? "Close" : "Open"}
              </button>
            </span>
          </td>
        )}
      </tr>
      {detail !== undefined && isOpen && (
        <tr role="row" id={id} className="op-detail">
          <td role="cell" colSpan={columns.length + 1}>
            {detail(row)}
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function kindClass<T>(column: Column<T>): string {
  return column.kind === undefined ? "" : `op-${column.kind}`;
}
